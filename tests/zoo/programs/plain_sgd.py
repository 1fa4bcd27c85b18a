"""Softmax regression by plain gradient descent at 0.1: odd to a modern eye, and right."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
dataset = TensorDataset(torch.tensor(x / 16.0, dtype=torch.float32), torch.tensor(y))
train, test = random_split(dataset, [0.75, 0.25])
model = nn.Linear(64, 10)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _epoch in range(10):
    for x, y in DataLoader(train, batch_size=32, shuffle=True):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()

with torch.no_grad():
    right = sum(int((model(x).argmax(1) == y).sum()) for x, y in DataLoader(test, batch_size=100))
print(f"accuracy {right / len(test):.4f}")
