"""Grades from 0 to 4 as ordered: one score, four thresholds that are learnt (cumulative logits)."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from torch import nn

GRADES = 5


class Ordinal(nn.Module):
    def __init__(self, features, hidden=16):
        super().__init__()
        self.hidden = nn.Linear(features, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)
        self.thresholds = nn.Parameter(torch.linspace(1.5, -1.5, GRADES - 1))

    def forward(self, x):
        """Logits that the grade is above 0, 1, 2 and 3; [n, 4]."""
        return self.score(F.relu(self.hidden(x))) + self.thresholds


def levels(grade):
    return (grade[:, None] > torch.arange(GRADES - 1)).float()


def batches(n, size):
    return torch.randperm(n).split(size)


def main():
    torch.manual_seed(77)
    x, progress = load_diabetes(return_X_y=True)
    edges = torch.tensor([75.0, 115.0, 160.0, 220.0], dtype=torch.float64)
    grade = torch.bucketize(torch.tensor(progress), edges)
    x_train, x_test, y_train, y_test = train_test_split(torch.tensor(x).float(), grade, test_size=120, random_state=7)
    mean, std = x_train.mean(0), x_train.std(0)
    x_train, x_test = (x_train - mean) / std, (x_test - mean) / std

    net = Ordinal(x.shape[1])
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3, weight_decay=1e-3)
    for _ in range(25):
        for rows in batches(len(x_train), 23):
            loss = F.binary_cross_entropy_with_logits(net(x_train[rows]), levels(y_train[rows]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    with torch.no_grad():
        estimate = (net(x_test) > 0).sum(1)
    off = (estimate - y_test).abs().float()
    plain = (y_train.median() - y_test).abs().float()
    print(f"exact {(off == 0).float().mean().item():.3f}, median grade is off by {plain.mean().item():.3f}")
    print(f"mean distance in grades {off.mean().item():.3f}")


if __name__ == "__main__":
    main()
