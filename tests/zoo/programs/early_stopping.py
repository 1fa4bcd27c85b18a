import copy

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from torch import nn


class EarlyStopping:
    def __init__(self, patience=5):
        self.patience, self.best, self.waited, self.state = patience, float("inf"), 0, None

    def __call__(self, loss, model):
        if loss < self.best:
            self.best, self.waited, self.state = loss, 0, copy.deepcopy(model.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience


torch.manual_seed(50)
x, y = load_diabetes(return_X_y=True)
x_rest, x_test, y_rest, y_test = train_test_split(x, y, test_size=0.2, random_state=50)
x_train, x_val, y_train, y_val = train_test_split(x_rest, y_rest, test_size=0.25, random_state=50)
x_mean, x_std, y_mean, y_std = x_train.mean(0), x_train.std(0), y_train.mean(), y_train.std()
parts = {
    name: (torch.tensor((a - x_mean) / x_std).float(), torch.tensor((b - y_mean) / y_std).float()[:, None])
    for name, a, b in [("train", x_train, y_train), ("val", x_val, y_val), ("test", x_test, y_test)]
}

model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 1))
criterion = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
stopper = EarlyStopping()
inputs, targets = parts["train"]
for epoch in range(60):
    model.train()
    for rows in torch.randperm(len(inputs)).split(32):
        optimizer.zero_grad()
        criterion(model(inputs[rows]), targets[rows]).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val_loss = criterion(model(parts["val"][0]), parts["val"][1]).item()
    if stopper(val_loss, model):
        print("stopped after epoch", epoch + 1)
        break

model.load_state_dict(stopper.state)
model.eval()
with torch.no_grad():
    residual = model(parts["test"][0]) - parts["test"][1]
print(f"test mse, standardised: {(residual**2).mean().item():.3f}")
