"""A bag of points with one that matters: attention finds it (Ilse et al., 2018)."""

import torch
import torch.nn.functional as F
from torch import nn

BAG = 8


class AttentionPool(nn.Module):
    def __init__(self, features=6, width=24, classes=2):
        super().__init__()
        self.embed = nn.Linear(features, width)
        self.score = nn.Sequential(nn.Linear(width, 16), nn.Tanh(), nn.Linear(16, 1))
        self.out = nn.Linear(width, classes)

    def forward(self, bags):
        h = F.relu(self.embed(bags))  # bags, points, width
        weights = F.softmax(self.score(h), dim=1)
        pooled = (weights * h).sum(dim=1)
        return self.out(pooled)


def make_bags(n):
    bags = torch.randn(n, BAG, 6)
    labels = torch.randint(0, 2, (n,))
    marked = torch.randint(0, BAG, (n,))
    direction = torch.tensor([2.0, -2.0, 2.0, 0.0, 0.0, 0.0])
    for i in range(n):
        bags[i, marked[i]] = bags[i, marked[i]] * 0.3 + (direction if labels[i] else -direction)
    return bags, labels


def epoch_batches(x, y, size):
    for rows in torch.randperm(len(x)).split(size):
        yield x[rows], y[rows]


def main():
    torch.manual_seed(34)
    x, y = make_bags(700)
    x_val, y_val = make_bags(300)
    model = AttentionPool()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(6):
        model.train()
        for bags, labels in epoch_batches(x, y, 50):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(bags), labels)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x_val).argmax(-1) == y_val).float().mean().item()
    print(f"bags: {accuracy:.3f}")


if __name__ == "__main__":
    main()
