import torch
from sklearn.datasets import load_digits
from torch import nn


class TwoHeads(nn.Module):
    """Which digit it is, and how much ink it has."""

    def __init__(self):
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.digit = nn.Linear(64, 10)
        self.ink = nn.Linear(64, 1)

    def forward(self, x):
        h = self.shared(x)
        return {"digit": self.digit(h), "ink": self.ink(h)[:, 0]}


class Losses:
    def __init__(self, weight):
        self.weight = weight
        self.ce = nn.CrossEntropyLoss()
        self.l1 = nn.SmoothL1Loss()

    def __call__(self, outputs, digit, ink):
        return self.ce(outputs["digit"], digit) + self.weight * self.l1(outputs["ink"], ink)


torch.manual_seed(2)
source = load_digits()
raw = torch.tensor(source.data, dtype=torch.float32)
digit = torch.tensor(source.target)
rows = torch.randperm(len(raw))
train, val = rows[:1437], rows[1437:]
x = (raw - raw[train].mean()) / raw[train].std()
ink = raw.sum(1)
ink_mean, ink_std = ink[train].mean(), ink[train].std()
ink = (ink - ink_mean) / ink_std

model = TwoHeads()
losses = Losses(weight=0.5)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for _epoch in range(6):
    model.train()
    for part in train[torch.randperm(len(train))].split(50):
        optimizer.zero_grad()
        loss = losses(model(x[part]), digit[part], ink[part])
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    outputs = model(x[val])
    ink_error = (outputs["ink"] - ink[val]).abs().mean() * ink_std
    accuracy = (outputs["digit"].argmax(1) == digit[val]).float().mean()
print(f"mean absolute error of ink {ink_error.item():.2f}")
print(f"digit accuracy {accuracy.item():.4f}")
