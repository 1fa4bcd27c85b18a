"""Monthly passengers, twelve months in, the next one out."""

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

LOOK_BACK = 12


class Windows(Dataset):
    def __init__(self, values):
        self.values = torch.as_tensor(values, dtype=torch.float32)

    def __len__(self):
        return len(self.values) - LOOK_BACK

    def __getitem__(self, i):
        return self.values[i : i + LOOK_BACK].unsqueeze(-1), self.values[i + LOOK_BACK]


class Forecaster(nn.Module):
    def __init__(self, hidden_size=24):
        super().__init__()
        self.lstm = nn.LSTM(input_size=1, hidden_size=hidden_size, batch_first=True)
        self.linear = nn.Linear(hidden_size, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.linear(out[:, -1]).squeeze(-1)


rng = np.random.default_rng(30)
months = np.arange(300)
season = np.sin(2 * np.pi * months / 12) + 0.5 * np.sin(4 * np.pi * months / 12 + 1)
passengers = 300 + 80 * season + 40 * np.sin(months / 23) + 8 * rng.standard_normal(300)

train_part, test_part = passengers[:220], passengers[220:]
low, high = train_part.min(), train_part.max()
train_scaled = 2 * (train_part - low) / (high - low) - 1
test_scaled = 2 * (test_part - low) / (high - low) - 1

torch.manual_seed(30)
train_loader = DataLoader(Windows(train_scaled), batch_size=16, shuffle=True)
test_loader = DataLoader(Windows(test_scaled), batch_size=16)

model = Forecaster()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for epoch in range(20):
    model.train()
    for window, following in train_loader:
        prediction = model(window)
        loss = criterion(prediction, following)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
predictions, truth = [], []
with torch.no_grad():
    for window, following in test_loader:
        predictions.append(model(window))
        truth.append(following)
predictions, truth = torch.cat(predictions), torch.cat(truth)
rmse = (predictions - truth).square().mean().sqrt().item() * (high - low) / 2
print(f"RMSE {rmse:.2f} passengers")
print(f"unexplained {((predictions - truth).square().mean() / truth.var()).item():.4f}")
