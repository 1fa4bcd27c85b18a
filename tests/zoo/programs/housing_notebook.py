# In[1]: data in the units of the land register
import numpy as np
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

SEED = 2024
np.random.seed(SEED)
torch.manual_seed(SEED)

N = 900
area = np.random.gamma(6.0, 18.0, N) + 25
garden = np.where(np.random.rand(N) < 0.4, 0.0, np.random.exponential(300.0, N))
year = np.random.randint(1900, 2021, N).astype(float)
rooms = np.clip(np.round(area / 28 + np.random.randn(N)), 1, 9)
distance = np.random.exponential(8.0, N)
lift = (np.random.rand(N) < 0.3).astype(float)
price = 2500 * area * np.exp(-distance / 25) * (1 + 0.003 * (year - 1960)) * (1 + 0.08 * lift)
price = (price + 60 * garden) * np.exp(0.1 * np.random.randn(N))
year[np.random.rand(N) < 0.1] = np.nan  # not in the register

# In[2]: features
X = np.stack([np.log(area), np.log1p(garden), year, rooms, np.log1p(distance), lift], axis=1)
y = np.log(price)
X_train, X_valid, y_train, y_valid = train_test_split(X, y, test_size=0.25, random_state=SEED)

medians = np.nanmedian(X_train, axis=0)
X_train = np.where(np.isnan(X_train), medians, X_train)
X_valid = np.where(np.isnan(X_valid), medians, X_valid)
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_valid = scaler.transform(X_valid)
y_mean, y_std = y_train.mean(), y_train.std()

train_ds = TensorDataset(
    torch.tensor(X_train, dtype=torch.float32), torch.tensor((y_train - y_mean) / y_std, dtype=torch.float32)
)
valid_ds = TensorDataset(
    torch.tensor(X_valid, dtype=torch.float32), torch.tensor((y_valid - y_mean) / y_std, dtype=torch.float32)
)
train_dl = DataLoader(train_ds, batch_size=32, shuffle=True)
valid_dl = DataLoader(valid_ds, batch_size=64)

# In[3]: model
model = nn.Sequential(
    nn.Linear(6, 64),
    nn.ReLU(),
    nn.Dropout(0.1),
    nn.Linear(64, 32),
    nn.ReLU(),
    nn.Linear(32, 1),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

# In[4]: training
for epoch in range(20):
    model.train()
    total = 0.0
    for xb, yb in train_dl:
        pred = model(xb).squeeze(1)
        loss = loss_fn(pred, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
    model.eval()
    errors = []
    with torch.no_grad():
        for xb, yb in valid_dl:
            errors.append((model(xb).squeeze(1) - yb) ** 2)
    valid_mse = torch.cat(errors).mean().item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:2d}  train {total / len(train_ds):.4f}  valid {valid_mse:.4f}")

# In[5]: in the units of the competition
print(f"RMSLE {valid_mse**0.5 * y_std:.4f}, share of the variance unexplained {valid_mse:.4f}")
