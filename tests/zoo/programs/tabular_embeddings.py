import numpy as np
import torch
from torch import nn

CITIES = ["Ghent", "Graz", "Györ", "Gdańsk"]


def applicants(n, rng):
    city = rng.integers(0, len(CITIES), n)
    income = rng.lognormal(10, 0.5, n)
    age = rng.uniform(20, 70, n)
    score = 1.5 * np.log(income / np.exp(10)) * 2 + np.array([1.0, -1.0, 0.5, -0.5])[city] - np.abs(age - 45) / 25 + 0.5
    default = (rng.random(n) > 1 / (1 + np.exp(-2 * score))).astype(np.float32)
    return city, income, age, default


class CreditModel(nn.Module):
    def __init__(self, n_cities, dim=3):
        super().__init__()
        self.city = nn.Embedding(n_cities, dim)
        self.mlp = nn.Sequential(nn.Linear(dim + 2, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, city, numbers):
        return self.mlp(torch.cat([self.city(city), numbers], dim=1)).squeeze(1)


rng = np.random.default_rng(55)
torch.manual_seed(55)
city, income, age, default = applicants(1400, rng)
numbers = np.stack([np.log(income), age], axis=1)
train, val = np.arange(1000), np.arange(1000, 1400)
center, scale = numbers[train].mean(axis=0), numbers[train].std(axis=0)
numbers = torch.tensor((numbers - center) / scale, dtype=torch.float32)
city, default = torch.tensor(city), torch.tensor(default)

model = CreditModel(len(CITIES))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(10):
    rng.shuffle(train)
    losses = []
    for rows in np.array_split(train, 20):
        logit = model(city[rows], numbers[rows])
        loss = criterion(logit, default[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if epoch % 3 == 0:
        print(f"epoch {epoch} mean loss {np.mean(losses):.4f}")

model.eval()
with torch.no_grad():
    probability = torch.sigmoid(model(city[val], numbers[val]))
brier = ((probability - default[val]) ** 2).mean().item()
always = ((default[train].mean() - default[val]) ** 2).mean().item()
print(f"Brier score over that of the base rate {brier / always:.3f}")
