#!/usr/bin/env python

# # Bikes by the hour
#
# How many bikes are out, by hour, weekday and weather.

# In[1]:

import math

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(7)
rng = np.random.default_rng(7)


# ## Make the table

# In[2]:

n = 1600
hour = rng.integers(0, 24, n)
weekday = rng.integers(0, 7, n)
temperature = rng.normal(14, 8, n)
rain = rng.random(n) < 0.2
working = weekday < 5
commute = np.exp(-((hour - 8) ** 2) / 4) + np.exp(-((hour - 17.5) ** 2) / 6)
leisure = 0.8 * np.exp(-((hour - 14) ** 2) / 18)
level = 20 + 320 * np.where(working, commute, leisure)
bikes = rng.poisson(level * np.exp(0.03 * (temperature - 14)) * np.where(rain, 0.55, 1.0))
bikes[:5], hour[:5]


# ## Features
#
# Hours go round in a circle.

# In[3]:

features = np.column_stack(
    [
        *(f(2 * np.pi * k * hour / 24) for f in (np.sin, np.cos) for k in (1, 2, 3)),
        working,
        working * np.sin(4 * np.pi * hour / 24),
        working * np.cos(4 * np.pi * hour / 24),
        temperature,
        rain,
    ]
).astype(np.float32)
target = np.log1p(bikes).astype(np.float32)

shuffled = rng.permutation(n)
train_rows, test_rows = shuffled[:1200], shuffled[1200:]
centre, scale = features[train_rows].mean(0), features[train_rows].std(0)
features = (features - centre) / scale
t_centre, t_scale = target[train_rows].mean(), target[train_rows].std()


# In[4]:

train_ds = TensorDataset(
    torch.from_numpy(features[train_rows]), torch.from_numpy((target[train_rows] - t_centre) / t_scale)
)
train_dl = DataLoader(train_ds, batch_size=64, shuffle=True)
x_test, y_test = torch.from_numpy(features[test_rows]), torch.from_numpy(target[test_rows])


# ## Model

# In[5]:

net = nn.Sequential(
    nn.Linear(features.shape[1], 48),
    nn.SiLU(),
    nn.Linear(48, 48),
    nn.SiLU(),
    nn.Linear(48, 1),
    nn.Flatten(start_dim=0),
)
epochs = 14
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=1e-3)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=epochs * len(train_dl))
mse = nn.MSELoss()


# In[6]:

history = []
for epoch in range(epochs):
    net.train()
    running = 0.0
    for xb, yb in train_dl:
        optimizer.zero_grad()
        loss = mse(net(xb), yb)
        loss.backward()
        optimizer.step()
        schedule.step()
        running += loss.item() * len(xb)
    history.append(running / len(train_ds))
print("training loss", [round(h, 3) for h in history[::4]])


# ## Result
#
# Root mean squared logarithmic error, against the mean.

# In[7]:

net.eval()
with torch.no_grad():
    forecast = net(x_test) * t_scale + t_centre
rmsle = math.sqrt(((forecast - y_test) ** 2).mean().item())
print(f"mean only: {y_test.std():.3f}")
print(f"RMSLE {rmsle:.4f}")
