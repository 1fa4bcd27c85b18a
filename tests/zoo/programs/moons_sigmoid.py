#!/usr/bin/env python
# two moons, as in every introduction
import argparse

import torch
import torch.nn as nn
from sklearn.datasets import make_moons

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=30)
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--hidden", type=int, default=24)
parser.add_argument("--batch-size", type=int, default=40)
args = parser.parse_args([])


class MoonNet(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.layer1 = nn.Linear(2, hidden)
        self.layer2 = nn.Linear(hidden, hidden)
        self.layer3 = nn.Linear(hidden, 1)
        self.relu = nn.ReLU()
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        out = self.relu(self.layer1(x))
        out = self.relu(self.layer2(out))
        out = self.layer3(out)
        return self.sigmoid(out)


def load(n, seed):
    points, which = make_moons(n_samples=n, noise=0.15, random_state=seed)
    return torch.tensor(points, dtype=torch.float32), torch.tensor(which, dtype=torch.float32).view(-1, 1)


torch.manual_seed(2)
x_train, y_train = load(600, seed=0)
x_test, y_test = load(300, seed=1)
mean, std = x_train.mean(dim=0), x_train.std(dim=0)
x_train = (x_train - mean) / std
x_test = (x_test - mean) / std

model = MoonNet(args.hidden)
criterion = nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)

for epoch in range(args.epochs):
    for chunk in torch.randperm(len(x_train)).split(args.batch_size):
        probability = model(x_train[chunk])
        loss = criterion(probability, y_train[chunk])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if (epoch + 1) % 10 == 0:
        print(f"Epoch [{epoch + 1}/{args.epochs}], Loss: {loss.item():.4f}")

with torch.no_grad():
    decided = model(x_test).round()
    print(f"Accuracy: {(decided == y_test).sum().item() / y_test.size(0):.3f}")
