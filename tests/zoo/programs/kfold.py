import numpy as np
import torch
from sklearn.datasets import load_iris
from sklearn.model_selection import StratifiedKFold
from torch import nn


def train_fold(x_train, y_train, x_val, y_val, seed):
    torch.manual_seed(seed)
    mean, std = x_train.mean(0), x_train.std(0)
    x_train, x_val = (x_train - mean) / std, (x_val - mean) / std
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    for _ in range(40):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x_train), y_train)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        return (model(x_val).argmax(1) == y_val).float().mean().item()


x, y = load_iris(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=0)
scores = []
for fold, (train, val) in enumerate(folds.split(x, y)):
    score = train_fold(x[train], y[train], x[val], y[val], seed=fold)
    print(f"fold {fold}: {score:.3f}")
    scores.append(score)
print(f"± {np.std(scores):.3f} around {np.mean(scores):.3f}")
