"""Does a noisy walk drift up, down or not at all? A GRU reads it step by step."""

import torch
import torch.nn as nn

SEED, LENGTH = 21, 20


def walks(n, generator):
    drift = torch.randint(0, 3, (n,), generator=generator)
    steps = torch.randn(n, LENGTH, generator=generator) * 0.5 + (drift[:, None] - 1) * 0.35
    return steps.cumsum(dim=1).unsqueeze(-1), drift


class DriftGRU(nn.Module):
    def __init__(self, hidden=20):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 3)

    def forward(self, x):
        states, _ = self.gru(x)
        return self.fc(states[:, -1])


def run_epoch(model, x, y, loss_fn, optimizer=None):
    total = hits = 0
    order = torch.randperm(len(x)) if optimizer else torch.arange(len(x))
    model.train(optimizer is not None)
    with torch.set_grad_enabled(optimizer is not None):
        for rows in order.split(64):
            scores = model(x[rows])
            loss = loss_fn(scores, y[rows])
            if optimizer:
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
            total += loss.item() * len(rows)
            hits += (scores.argmax(1) == y[rows]).sum().item()
    return total / len(x), hits / len(x)


torch.manual_seed(SEED)
source = torch.Generator().manual_seed(SEED)
x_train, y_train = walks(800, source)
x_val, y_val = walks(300, source)
mu, sd = x_train.mean(), x_train.std()
x_train, x_val = (x_train - mu) / sd, (x_val - mu) / sd

net = DriftGRU()
loss_fn = nn.CrossEntropyLoss()
adam = torch.optim.Adam(net.parameters(), lr=0.01)
for epoch in range(10):
    train_loss, train_acc = run_epoch(net, x_train, y_train, loss_fn, adam)
    val_loss, val_acc = run_epoch(net, x_val, y_val, loss_fn)
    print(f"epoch {epoch}: {train_loss:.3f} / {val_loss:.3f}, accuracy {train_acc:.3f} / {val_acc:.3f}")
