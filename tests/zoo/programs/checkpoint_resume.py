"""Trains, saves, loads into new objects and goes on, as after a break."""

import io

import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from torch import nn


def build(lr=5e-3):
    model = nn.Sequential(nn.Linear(13, 20), nn.PReLU(), nn.Linear(20, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[15, 25], gamma=0.3)
    return model, optimizer, scheduler


def run(model, optimizer, scheduler, x, y, epochs):
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(16):
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()


torch.manual_seed(41)
x, y = load_wine(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.3, random_state=41, stratify=y)
mean, std = x_train.mean(0), x_train.std(0)
x_train, x_val = torch.tensor((x_train - mean) / std).float(), torch.tensor((x_val - mean) / std).float()
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)

first = build()
run(*first, x_train, y_train, epochs=10)
buffer = io.BytesIO()
torch.save([part.state_dict() for part in first], buffer)

buffer.seek(0)
model, optimizer, scheduler = second = build()
for part, state in zip(second, torch.load(buffer), strict=True):
    part.load_state_dict(state)
run(*second, x_train, y_train, epochs=15)
model.eval()
with torch.no_grad():
    accuracy = (model(x_val).argmax(1) == y_val).float().mean().item()
    print(f"validation accuracy {accuracy:.3f}")
