import os
from itertools import pairwise

import torch
from sklearn.datasets import load_digits
from torch import nn


class MLP(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(sizes))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return self.layers[-1](x)


torch.manual_seed(4)
digits = load_digits()
inputs = torch.tensor(digits.data, dtype=torch.float32)
targets = torch.tensor(digits.target)
split = torch.randperm(len(inputs))
train, val = split[:1500], split[1500:]
center = inputs[train].mean(dim=0)
scale = inputs[train].std(dim=0).clamp_min(1.0)
inputs = (inputs - center) / scale

model = MLP([64, 64, 32, 10])
step_model = model
if os.environ.get("COMPILE") == "1" and hasattr(torch, "compile"):
    step_model = torch.compile(model)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)

for _epoch in range(5):
    for rows in train[torch.randperm(len(train))].split(50):
        loss = nn.functional.cross_entropy(step_model(inputs[rows]), targets[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    top1 = (model(inputs[val]).argmax(1) == targets[val]).double().mean().item()
print(f"top-1 {top1:.4f}")
