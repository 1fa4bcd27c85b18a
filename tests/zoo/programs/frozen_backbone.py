"""A backbone trained on digits 0 to 4 is frozen; a new head learns 5 to 9 from it."""

import torch
from sklearn.datasets import load_digits
from torch import nn


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, padding=1)
        self.fc = nn.Linear(16 * 16, 128)

    def forward(self, x):
        h = nn.functional.max_pool2d(torch.relu(self.conv(x)), 2)
        return torch.relu(self.fc(h.flatten(1)))


def fit(model, optimizer, images, labels, epochs):
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(32):
            loss = nn.functional.cross_entropy(model(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def main():
    torch.manual_seed(5)
    digits = load_digits()
    images = (torch.tensor(digits.images).float().unsqueeze(1) - 4.9) / 6.0
    labels = torch.tensor(digits.target)
    order = torch.randperm(len(images))
    images, labels = images[order], labels[order]
    low = labels < 5

    backbone = Backbone()
    first = nn.Sequential(backbone, nn.Linear(128, 5))
    fit(first, torch.optim.Adam(first.parameters(), lr=3e-3), images[low], labels[low], epochs=2)

    for parameter in backbone.parameters():
        parameter.requires_grad_(False)
    head = nn.Linear(128, 5)
    second = nn.Sequential(backbone, head)
    x, y = images[~low], labels[~low] - 5
    x_train, y_train, x_val, y_val = x[:600], y[:600], x[600:], y[600:]
    optimizer = torch.optim.Adam(head.parameters(), lr=5e-3)
    fit(second, optimizer, x_train, y_train, epochs=12)
    second.eval()
    with torch.no_grad():
        accuracy = (second(x_val).argmax(1) == y_val).float().mean().item()
    print(f"new digits, held out: {accuracy:.4f}")


main()
