import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

USERS, ITEMS = 60, 40


class MatrixFactorisation(nn.Module):
    def __init__(self, users, items, factors=6):
        super().__init__()
        self.user_factors = nn.Embedding(users, factors)
        self.item_factors = nn.Embedding(items, factors)
        self.user_bias = nn.Embedding(users, 1)
        self.item_bias = nn.Embedding(items, 1)
        self.mean = nn.Parameter(torch.zeros(()))
        for table in (self.user_factors, self.item_factors, self.user_bias, self.item_bias):
            nn.init.normal_(table.weight, std=0.1)

    def forward(self, user, item):
        interaction = (self.user_factors(user) * self.item_factors(item)).sum(dim=1)
        bias = self.user_bias(user).squeeze(1) + self.item_bias(item).squeeze(1)
        return self.mean + bias + interaction


def make_ratings(generator):
    taste = torch.randn(USERS, 3, generator=generator)
    kind = torch.randn(ITEMS, 3, generator=generator)
    table = 3.0 + 0.7 * taste @ kind.T + 0.2 * torch.randn(USERS, ITEMS, generator=generator)
    cells = torch.randperm(USERS * ITEMS, generator=generator)[:1500]
    user, item = cells // ITEMS, cells % ITEMS
    return user, item, table[user, item]


generator = torch.Generator().manual_seed(1)
torch.manual_seed(1)
user, item, rating = make_ratings(generator)
train = TensorDataset(user[:1200], item[:1200], rating[:1200])
val_user, val_item, val_rating = user[1200:], item[1200:], rating[1200:]
loader = DataLoader(train, batch_size=100, shuffle=True)

model = MatrixFactorisation(USERS, ITEMS)
with torch.no_grad():
    model.mean.fill_(rating[:1200].mean())
optimizer = torch.optim.Adam(model.parameters(), lr=2e-2, weight_decay=1e-4)
mse = nn.MSELoss()
for _epoch in range(20):
    model.train()
    for u, i, r in loader:
        optimizer.zero_grad()
        loss = mse(model(u, i), r)
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    error = mse(model(val_user, val_item), val_rating).item()
baseline = ((val_rating - rating[:1200].mean()) ** 2).mean().item()
print(f"validation mse {error:.3f}, of the mean {baseline:.3f}")
print(f"ratio {error / baseline:.3f}")
