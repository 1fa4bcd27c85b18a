import numpy as np
import torch
from sklearn.preprocessing import RobustScaler
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Houses(Dataset):
    """Prices with a few wild ones; some areas are missing and get the training median."""

    def __init__(self, area, rooms, price, scaler=None, median=None, price_scale=None):
        self.median = np.nanmedian(area) if median is None else median
        area = np.where(np.isnan(area), self.median, area)
        table = np.stack([area, rooms], axis=1)
        self.scaler = scaler or RobustScaler().fit(table)
        self.price_scale = price_scale or (np.median(price), price.std())
        self.x = torch.tensor(self.scaler.transform(table), dtype=torch.float32)
        self.y = torch.tensor((price - self.price_scale[0]) / self.price_scale[1], dtype=torch.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


rng = np.random.default_rng(22)
torch.manual_seed(22)
area = rng.gamma(9, 10, 700)
rooms = np.round(area / 25 + rng.normal(0, 0.5, 700)).clip(1)
price = 2.0 * area + 15 * rooms + rng.normal(0, 10, 700)
price[rng.random(700) < 0.02] += 500
area[rng.random(700) < 0.05] = np.nan
train = Houses(area[:500], rooms[:500], price[:500])
val = Houses(area[500:], rooms[500:], price[500:], train.scaler, train.median, train.price_scale)

model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.SmoothL1Loss(beta=0.5)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _epoch in range(15):
    model.train()
    for x, y in DataLoader(train, batch_size=25, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(model(x)[:, 0], y)
        loss.backward()
        optimizer.step()
model.eval()
with torch.no_grad():
    residual = (model(val.x)[:, 0] - val.y).abs()
print(
    f"median absolute error over the median deviation {residual.median() / (val.y - val.y.median()).abs().median():.3f}"
)
