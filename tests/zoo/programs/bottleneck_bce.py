"""An autoencoder of digits: sixty-four pixels through eight numbers. Judged by the variance that it loses."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader

torch.manual_seed(0)
pixels = torch.tensor(load_digits().data, dtype=torch.float32) / 16.0
pixels = pixels[torch.randperm(len(pixels))]
train_pixels, test_pixels = pixels[:1500], pixels[1500:]


class AutoEncoder(nn.Module):
    def __init__(self, code=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 48), nn.ELU(), nn.Linear(48, code))
        self.decoder = nn.Sequential(nn.Linear(code, 48), nn.ELU(), nn.Linear(48, 64), nn.Sigmoid())
        self.register_buffer("mean", train_pixels.mean(0))
        self.register_buffer("std", train_pixels.std())

    def forward(self, x):
        z = self.encoder((x - self.mean) / self.std)
        return self.decoder(z)


model = AutoEncoder()
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
loader = DataLoader(train_pixels, batch_size=50, shuffle=True)

for epoch in range(15):
    for batch in loader:
        reconstruction = model(batch)
        loss = criterion(reconstruction, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    left = (model(test_pixels) - test_pixels).pow(2).sum()
total = (test_pixels - train_pixels.mean(0)).pow(2).sum()
print(f"test: share of the variance lost {(left / total).item():.3f}")
