import copy

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn


class EMA:
    def __init__(self, model, decay=0.97):
        self.shadow = copy.deepcopy(model)
        self.shadow.eval()
        for p in self.shadow.parameters():
            p.requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model):
        for slow, fast in zip(self.shadow.parameters(), model.parameters(), strict=True):
            slow.lerp_(fast, 1 - self.decay)


def load():
    x, y = load_breast_cancer(return_X_y=True)
    xa, xb, ya, yb = train_test_split(x, y, test_size=0.3, random_state=0)
    scaler = StandardScaler().fit(xa)
    tensors = [torch.tensor(scaler.transform(part), dtype=torch.float32) for part in (xa, xb)]
    return *tensors, torch.tensor(ya), torch.tensor(yb)


torch.manual_seed(0)
x_train, x_val, y_train, y_val = load()
model = nn.Sequential(nn.Linear(30, 32), nn.SiLU(), nn.Linear(32, 2))
ema = EMA(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for _epoch in range(8):
    for rows in torch.randperm(len(x_train)).split(32):
        loss = nn.functional.cross_entropy(model(x_train[rows]), y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.update(model)

model.eval()
with torch.no_grad():
    plain = (model(x_val).argmax(1) == y_val).float().mean().item()
    averaged = (ema.shadow(x_val).argmax(1) == y_val).float().mean().item()
print(f"plain {plain:.4f}\naveraged {averaged:.4f}")
