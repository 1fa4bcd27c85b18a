"""Monte Carlo dropout: at prediction dropout stays on, on purpose, and fifty passes are averaged."""

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from torch import nn


def enable_dropout(model):
    """Eval mode for all but the dropout layers."""
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.train()


def predict(model, x, passes=50):
    enable_dropout(model)
    with torch.no_grad():
        draws = torch.stack([model(x) for _ in range(passes)])
    return draws.mean(0), draws.std(0)


torch.manual_seed(1)
x, y = load_diabetes(return_X_y=True)
xa, xb, ya, yb = train_test_split(x, y, test_size=110, random_state=1)
x_mean, x_std, y_mean, y_std = xa.mean(0), xa.std(0), ya.mean(), ya.std()
x_train = torch.tensor((xa - x_mean) / x_std).float()
x_test = torch.tensor((xb - x_mean) / x_std).float()
y_train = torch.tensor((ya - y_mean) / y_std).float().view(-1, 1)
y_test = torch.tensor((yb - y_mean) / y_std).float().view(-1, 1)

model = nn.Sequential(nn.Linear(10, 48), nn.ReLU(), nn.Dropout(0.2), nn.Linear(48, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-3)
for _epoch in range(25):
    model.train()
    for rows in torch.randperm(len(x_train)).split(32):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()

mean, spread = predict(model, x_test)
mse = ((mean - y_test) ** 2).mean().item()
print(f"mean predictive spread {spread.mean().item():.3f}")
print(f"test mse, target variance about 1: {mse:.3f}")
