"""How far a diabetes gets within a year: regression with a Huber loss and early stopping."""

import copy

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = load_diabetes(scaled=False)
x_train, x_rest, y_train, y_rest = train_test_split(data.data, data.target, test_size=0.4, random_state=5)
x_valid, x_test, y_valid, y_test = train_test_split(x_rest, y_rest, test_size=0.5, random_state=5)

center, scale = x_train.mean(0), x_train.std(0)
y_center, y_scale = y_train.mean(), y_train.std()


def as_dataset(x, y):
    x = torch.as_tensor((x - center) / scale, dtype=torch.float32)
    y = torch.as_tensor((y - y_center) / y_scale, dtype=torch.float32)
    return TensorDataset(x, y)


train_set, valid_set, test_set = as_dataset(x_train, y_train), as_dataset(x_valid, y_valid), as_dataset(x_test, y_test)
loader = DataLoader(train_set, batch_size=32, shuffle=True)


class Regressor(nn.Module):
    def __init__(self, inputs, width=32):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(width, width), nn.ReLU()
        )
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return self.head(self.body(x)).squeeze(-1)


def mean_squared(model, dataset):
    model.eval()
    x, y = dataset.tensors
    with torch.no_grad():
        return nn.functional.mse_loss(model(x), y).item()


model = Regressor(x_train.shape[1])
criterion = nn.HuberLoss(delta=1.0)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)

best, best_state, waited = float("inf"), None, 0
for epoch in range(40):
    model.train()
    for xb, yb in loader:
        optimizer.zero_grad()
        prediction = model(xb)
        loss = criterion(prediction, yb)
        loss.backward()
        optimizer.step()
    score = mean_squared(model, valid_set)
    scheduler.step(score)
    if score < best:
        best, best_state, waited = score, copy.deepcopy(model.state_dict()), 0
    else:
        waited += 1
        if waited >= 8:
            print("stopped in epoch", epoch)
            break

model.load_state_dict(best_state)
print(f"validation {best:.3f}, test: share of variance left {mean_squared(model, test_set):.3f}")
