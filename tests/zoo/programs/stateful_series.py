"""A recurrent net that keeps its state from window to window: the windows come in the order of time, unshuffled."""

import torch
from torch import nn

torch.manual_seed(21)
LANES, STEPS, WINDOW = 8, 400, 20


def lanes(n):
    """Eight slow walks with a pulse every ten steps: [lanes, steps]."""
    t = torch.arange(n)
    phase = torch.randint(0, 10, (LANES, 1))
    pulse = ((t[None] + phase) % 10 == 0).float()
    return pulse + 0.1 * torch.randn(LANES, n)


class Keeper(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x, state=None):
        h, state = self.gru(x.unsqueeze(-1), state)
        return self.out(h).squeeze(-1), state


series = lanes(STEPS)
train, test = series[:, :300], series[:, 300:]
mean, std = train.mean(), train.std()
train, test = (train - mean) / std, (test - mean) / std
model = Keeper()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(10):
    state = None
    for start in range(0, train.shape[1] - WINDOW, WINDOW):
        x = train[:, start : start + WINDOW]
        y = train[:, start + 1 : start + WINDOW + 1]
        prediction, state = model(x, state)
        state = state.detach()
        loss = nn.functional.mse_loss(prediction, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 3 == 0:
        print(f"epoch {epoch} loss {loss.item():.3f}")
with torch.no_grad():
    prediction, _ = model(test[:, :-1])
    mse = ((prediction - test[:, 1:]) ** 2)[:, 20:].mean().item()
print(f"share unexplained {mse / test[:, 21:].var().item():.3f}")
