"""Iris in small functions."""

import numpy as np
import torch
from sklearn.datasets import load_iris
from torch import nn, optim


def prepare(seed):
    features, species = load_iris(return_X_y=True)
    order = np.random.RandomState(seed).permutation(len(features))
    features, species = features[order], species[order]
    n = 105
    mu, sigma = features[:n].mean(axis=0), features[:n].std(axis=0)
    features = (features - mu) / sigma
    features = torch.from_numpy(features).float()
    species = torch.from_numpy(species)
    return (features[:n], species[:n]), (features[n:], species[n:])


def build():
    return nn.Sequential(
        nn.Linear(4, 16),
        nn.Tanh(),
        nn.Linear(16, 16),
        nn.Tanh(),
        nn.Linear(16, 3),
        nn.LogSoftmax(dim=1),
    )


def train_epoch(model, data, criterion, optimizer, batch_size=15):
    inputs, targets = data
    order = torch.randperm(len(inputs))
    losses = []
    for i in range(0, len(inputs), batch_size):
        batch = order[i : i + batch_size]
        optimizer.zero_grad()
        loss = criterion(model(inputs[batch]), targets[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return float(np.mean(losses))


@torch.no_grad()
def accuracy(model, data):
    inputs, targets = data
    predicted = model(inputs).argmax(dim=-1)
    return (predicted == targets).float().mean().item()


def main():
    torch.manual_seed(1)
    train, valid = prepare(seed=4)
    model = build()
    criterion = nn.NLLLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=15, gamma=0.3)
    for epoch in range(1, 41):
        loss = train_epoch(model, train, criterion, optimizer)
        scheduler.step()
        if epoch % 10 == 0:
            print(f"{epoch:3d}  loss {loss:.3f}  lr {scheduler.get_last_lr()[0]:.4f}")
    print(f"valid accuracy {accuracy(model, valid):.3f}")


if __name__ == "__main__":
    main()
