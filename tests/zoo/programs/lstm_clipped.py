import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class WaveClassifier(nn.Module):
    """Tells apart three wave forms by an LSTM's last state."""

    def __init__(self, hidden=24, classes=3):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, classes)

    def forward(self, x):
        output, _ = self.lstm(x)
        return self.fc(output[:, -1])


def make_waves(n):
    t = torch.arange(20).float()
    kind = torch.randint(0, 3, (n,))
    phase = torch.rand(n, 1) * 2 * math.pi
    period = torch.tensor([4.0, 8.0, 16.0])[kind].unsqueeze(1)
    wave = torch.sin(2 * math.pi * t / period + phase) + 0.1 * torch.randn(n, 20)
    return wave.unsqueeze(-1), kind


torch.manual_seed(0)
x_train, y_train = make_waves(600)
x_val, y_val = make_waves(200)
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=50, shuffle=True)
model = WaveClassifier()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
loss_function = nn.CrossEntropyLoss()

for epoch in range(10):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
    model.eval()
    with torch.no_grad():
        acc = (model(x_val).argmax(dim=1) == y_val).float().mean().item()
    print(f"Epoch {epoch}: val accuracy = {acc:.3f}")
