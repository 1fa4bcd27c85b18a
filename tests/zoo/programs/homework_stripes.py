"""Homework 3, part 2: a three-layer ConvNet on small colour pictures of stripes.

Classes: 0 horizontal, 1 vertical, 2 falling diagonal, 3 rising diagonal.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

NUM_TRAIN, NUM_VAL, NUM_TEST = 400, 100, 200


def draw_stripes(n, generator):
    y = torch.randint(4, (n,), generator=generator)
    rows, cols = torch.meshgrid(torch.arange(12.0), torch.arange(12.0), indexing="ij")
    directions = torch.stack([rows, cols, rows - cols, rows + cols])
    phase = 6.3 * torch.rand(n, 1, 1, generator=generator)
    wave = torch.sin(directions[y] * 1.3 + phase)
    colour = 0.2 + 0.8 * torch.rand(n, 3, 1, 1, generator=generator)
    noise = 0.5 * torch.randn(n, 3, 12, 12, generator=generator)
    X = 128 + 50 * colour * wave[:, None] + 40 * noise
    return X.clamp(0, 255).byte(), y


def load_data():
    X, y = draw_stripes(NUM_TRAIN + NUM_VAL + NUM_TEST, torch.Generator().manual_seed(0))
    X = X.float()
    mean = X[:NUM_TRAIN].mean(dim=(0, 2, 3), keepdim=True)
    std = X[:NUM_TRAIN].std(dim=(0, 2, 3), keepdim=True)
    X = (X - mean) / std
    sizes = [NUM_TRAIN, NUM_VAL, NUM_TEST]
    return [TensorDataset(a, b) for a, b in zip(X.split(sizes), y.split(sizes), strict=True)]


class ThreeLayerConvNet(nn.Module):
    def __init__(self, in_channel, channel_1, channel_2, num_classes):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channel, channel_1, 5, padding=2)
        self.conv2 = nn.Conv2d(channel_1, channel_2, 3, padding=1)
        self.fc = nn.Linear(channel_2 * 3 * 3, num_classes)
        for layer in (self.conv1, self.conv2):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.xavier_normal_(self.fc.weight)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


def check_accuracy(loader, model):
    num_correct = 0
    num_samples = 0
    model.eval()  # set model to evaluation mode
    with torch.no_grad():
        for x, y in loader:
            scores = model(x)
            _, preds = scores.max(1)
            num_correct += (preds == y).sum().item()
            num_samples += preds.size(0)
    acc = num_correct / num_samples
    print(f"Got {num_correct} / {num_samples} correct ({100 * acc:.2f})")
    return acc


def train_part34(model, optimizer, loader_train, loader_val, epochs=1):
    for e in range(epochs):
        for t, (x, y) in enumerate(loader_train):
            model.train()  # put model to training mode
            scores = model(x)
            loss = F.cross_entropy(scores, y)
            # Zero out all of the gradients for the variables which the optimizer will update.
            optimizer.zero_grad()
            # This is the backwards pass.
            loss.backward()
            # Actually update the parameters of the model using the computed gradients.
            optimizer.step()
            if t % 5 == 0:
                print(f"Iteration {t}, loss = {loss.item():.4f}")
        check_accuracy(loader_val, model)


torch.manual_seed(231)
train_set, val_set, test_set = load_data()
loader_train = DataLoader(train_set, batch_size=32, shuffle=True)
loader_val = DataLoader(val_set, batch_size=64)
loader_test = DataLoader(test_set, batch_size=64)

model = ThreeLayerConvNet(in_channel=3, channel_1=12, channel_2=16, num_classes=4)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9, nesterov=True)
train_part34(model, optimizer, loader_train, loader_val, epochs=4)
print(f"test accuracy {check_accuracy(loader_test, model):.3f}")
