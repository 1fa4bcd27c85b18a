"""Electric load four hours ahead from the last two days: dilated convolutions, windows, a split by time."""

import argparse
import math

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def simulate_load(hours, seed):
    rng = np.random.default_rng(seed)
    t = np.arange(hours)
    day = 120 * np.sin(2 * np.pi * (t - 9) / 24) + 40 * np.sin(4 * np.pi * t / 24)
    week = np.where((t // 24) % 7 >= 5, -60, 0)
    weather = np.zeros(hours)
    for i in range(1, hours):
        weather[i] = 0.95 * weather[i - 1] + rng.normal(0, 8)
    return 600 + 0.05 * t + day + week + weather + rng.normal(0, 6, hours)


class LoadWindows(Dataset):
    def __init__(self, load, history, horizon):
        self.load = torch.tensor(load, dtype=torch.float32)
        self.history, self.horizon = history, horizon

    def __len__(self):
        return len(self.load) - self.history - self.horizon + 1

    def __getitem__(self, i):
        middle = i + self.history
        return self.load[i:middle], self.load[middle : middle + self.horizon]


class CausalConv(nn.Module):
    def __init__(self, channels_in, channels_out, dilation):
        super().__init__()
        self.pad = nn.ConstantPad1d((2 * dilation, 0), 0.0)
        self.conv = nn.Conv1d(channels_in, channels_out, kernel_size=3, dilation=dilation)
        self.skip = nn.Conv1d(channels_in, channels_out, kernel_size=1)

    def forward(self, x):
        return torch.relu(self.conv(self.pad(x))) + self.skip(x)


class TCN(nn.Module):
    def __init__(self, horizon, channels=16):
        super().__init__()
        self.layers = nn.Sequential(
            CausalConv(1, channels, 1),
            CausalConv(channels, channels, 4),
            CausalConv(channels, channels, 12),
        )
        self.out = nn.Linear(channels, horizon)

    def forward(self, history):
        last = history[:, -1:]
        states = self.layers(history.unsqueeze(1))
        return last + self.out(states[:, :, -1])


def mae(forecast, loader):
    error, values = 0.0, 0
    with torch.no_grad():
        for history, future in loader:
            error += (forecast(history) - future).abs().sum().item()
            values += future.numel()
    return error / values


def main(args):
    torch.manual_seed(args.seed)
    load = simulate_load(hours=24 * 70, seed=args.seed)
    boundary = 24 * 50
    mean, std = load[:boundary].mean(), load[:boundary].std()
    load = (load - mean) / std
    train_set = LoadWindows(load[:boundary], args.history, args.horizon)
    test_set = LoadWindows(load[boundary:], args.history, args.horizon)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=128)

    model = TCN(args.horizon)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    steps = args.epochs * math.ceil(len(train_set) / args.batch_size)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    criterion = nn.L1Loss()
    for epoch in range(args.epochs):
        model.train()
        for history, future in train_loader:
            loss = criterion(model(history), future)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
        print(f"epoch {epoch + 1}: training loss of the last batch {loss.item():.3f}")

    model.eval()
    ours = mae(model, test_loader)
    same = mae(lambda history: history[:, -1:], test_loader)
    print(f"{ours * std:.1f} MW off, as a share of 'stays as it is': {ours / same:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--history", type=int, default=48)
    parser.add_argument("--horizon", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=48)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--lr", type=float, default=6e-3)
    parser.add_argument("--seed", type=int, default=3)
    main(parser.parse_args())
