import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader


class AutoEncoder(nn.Module):
    def __init__(self, code=16):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, code), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(code, 48), nn.ReLU(), nn.Linear(48, 64), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


def fit(model, loader, epochs, lr):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    history = []
    for _ in range(epochs):
        model.train()
        total = 0.0
        for batch in loader:
            reconstruction = model(batch)
            loss = nn.functional.mse_loss(reconstruction, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        history.append(total / len(loader.dataset))
    return history


torch.manual_seed(10)
pixels = torch.tensor(load_digits().data, dtype=torch.float32) / 16.0
pixels = pixels[torch.randperm(len(pixels))]
train, val = pixels[:1400], pixels[1400:]
model = AutoEncoder()
history = fit(model, DataLoader(train, batch_size=64, shuffle=True), epochs=12, lr=1e-2)
print("first and last training loss", round(history[0], 4), round(history[-1], 4))
model.eval()
with torch.no_grad():
    error = ((model(val) - val) ** 2).mean().item()
    baseline = ((train.mean(0) - val) ** 2).mean().item()
print(f"share of variance lost {error / baseline:.3f}")
