"""Cross-validation of a small network with an average of its weights (EMA) in each fold."""

import copy

import numpy as np
import torch
from sklearn.datasets import load_iris
from sklearn.model_selection import StratifiedKFold
from torch import nn

DECAY = 0.9
EPOCHS = 20

flowers, species = load_iris(return_X_y=True)


@torch.no_grad()
def update(average, model):
    for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
        slow.mul_(DECAY).add_(fast, alpha=1 - DECAY)


def run_fold(train_rows, test_rows):
    torch.manual_seed(0)
    mean, std = flowers[train_rows].mean(0), flowers[train_rows].std(0)
    x_train = torch.tensor((flowers[train_rows] - mean) / std, dtype=torch.float32)
    x_test = torch.tensor((flowers[test_rows] - mean) / std, dtype=torch.float32)
    y_train, y_test = torch.tensor(species[train_rows]), torch.tensor(species[test_rows])

    model = nn.Sequential(nn.Linear(4, 20), nn.ReLU(), nn.Linear(20, 3))
    average = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x_train)).split(16):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x_train[rows]), y_train[rows])
            loss.backward()
            optimizer.step()
            update(average, model)
    average.eval()
    with torch.no_grad():
        return (average(x_test).argmax(1) == y_test).float().mean().item()


folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=1)
scores = [run_fold(train, test) for train, test in folds.split(flowers, species)]
print("folds:", " ".join(f"{s:.2f}" for s in scores))
print(f"mean accuracy over folds {np.mean(scores):.3f}")
