import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(6)


def mixup(x, y, alpha=0.4):
    """Mixes each row with another: returns the mix, both labels and the share of the first."""
    share = float(rng.beta(alpha, alpha))
    other = torch.randperm(len(x))
    return share * x + (1 - share) * x[other], y, y[other], share


def mixed_loss(logits, first, second, share):
    return share * F.cross_entropy(logits, first) + (1 - share) * F.cross_entropy(logits, second)


def main():
    torch.manual_seed(6)
    digits = load_digits()
    x, y = torch.tensor(digits.data).float(), torch.tensor(digits.target)
    perm = torch.randperm(len(x))
    x, y = x[perm], y[perm]
    x = (x - x[:1300].mean(0)) / (x[:1300].std(0) + 0.5)
    loader = DataLoader(TensorDataset(x[:1300], y[:1300]), batch_size=65, shuffle=True)
    x_val, y_val = x[1300:], y[1300:]
    model = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.8)
    for _ in range(8):
        model.train()
        for inputs, labels in loader:
            mixed, first, second, share = mixup(inputs, labels)
            loss = mixed_loss(model(mixed), first, second, share)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x_val).argmax(1) == y_val).sum().item() / len(y_val)
    print("val accuracy", round(accuracy, 4), "| lr", scheduler.get_last_lr()[0])
    print(f"{accuracy:.4f}")


main()
