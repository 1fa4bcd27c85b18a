"""SimCLR in small: two noisy views of an example are pulled together, all others of the batch apart."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import nn

torch.manual_seed(14)


def view(x):
    return x + 0.3 * torch.randn_like(x)


def info_nce(first, second, temperature=0.2):
    first, second = F.normalize(first, dim=1), F.normalize(second, dim=1)
    similarity = first @ second.T / temperature
    return F.cross_entropy(similarity, torch.arange(len(first)))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.projection = nn.Linear(64, 16)

    def forward(self, x):
        return self.projection(self.trunk(x))


digits = load_digits()
x = torch.tensor(digits.data / 16.0, dtype=torch.float32)
train, test = x[:1300], x[1300:]
mean, std = train.mean(), train.std()
train, test = (train - mean) / std, (test - mean) / std

encoder = Encoder()
optimizer = torch.optim.Adam(encoder.parameters(), lr=3e-3)
for epoch in range(5):
    total = 0.0
    batches = torch.randperm(len(train)).split(100)
    for rows in batches:
        optimizer.zero_grad()
        loss = info_nce(encoder(view(train[rows])), encoder(view(train[rows])))
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / len(batches):.3f}")

encoder.eval()
with torch.no_grad():
    probe = LogisticRegression(max_iter=300).fit(encoder(train)[:200].numpy(), digits.target[:200])
    accuracy = probe.score(encoder(test).numpy(), digits.target[1300:])
print(f"linear probe accuracy {accuracy:.3f}")
