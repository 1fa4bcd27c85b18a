"""Long tanh network with warm-up and cosine decay, stepped by batch."""

import math

import torch
from sklearn.datasets import load_digits
from torch import nn


def deep_net(depth=6, width=48):
    layers = [nn.Linear(64, width), nn.Tanh()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.Tanh()]
    net = nn.Sequential(*layers, nn.Linear(width, 10))
    for module in net:
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    return net


def main():
    torch.manual_seed(13)
    digits = load_digits()
    x = (torch.tensor(digits.data).float() - 4.88) / 6.02
    y = torch.tensor(digits.target)
    order = torch.randperm(len(x))
    x, y = x[order], y[order]
    x_train, y_train, x_val, y_val = x[:1397], y[:1397], x[1397:], y[1397:]
    net = deep_net()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    epochs, batch_size = 6, 64
    total = epochs * math.ceil(len(x_train) / batch_size)
    warmup = total // 10

    def factor(step):
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    for _ in range(epochs):
        net.train()
        for rows in torch.randperm(len(x_train)).split(batch_size):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x_train[rows]), y_train[rows])
            loss.backward()
            optimizer.step()
            scheduler.step()
    net.eval()
    with torch.no_grad():
        print(f"accuracy {(net(x_val).argmax(1) == y_val).float().mean().item():.4f}")


if __name__ == "__main__":
    main()
