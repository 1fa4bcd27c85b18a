"""An exponential moving average of weights and batch-norm statistics, by torch's own AveragedModel."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, TensorDataset, random_split


def make_sets(seed):
    digits = load_digits()
    generator = torch.Generator().manual_seed(seed)
    everything = TensorDataset(torch.tensor(digits.images / 16.0).float().unsqueeze(1), torch.tensor(digits.target))
    train_set, test_set = random_split(everything, [1200, len(everything) - 1200], generator=generator)
    pixels = torch.stack([image for image, _ in train_set])
    return train_set, test_set, pixels.mean(), pixels.std()


class Standardise(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, x):
        return (x - self.mean) / self.std


def make_network(mean, std):
    return nn.Sequential(
        Standardise(mean, std),
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(32 * 4, 10),
    )


@torch.no_grad()
def error_rate(network, loader):
    network.eval()
    wrong = sum((network(images).argmax(1) != labels).sum().item() for images, labels in loader)
    return wrong / len(loader.dataset)


torch.manual_seed(80)
train_set, test_set, mean, std = make_sets(seed=80)
train_loader = DataLoader(train_set, batch_size=60, shuffle=True)
test_loader = DataLoader(test_set, batch_size=250)

network = make_network(mean, std)
averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
criterion = nn.CrossEntropyLoss()
for epoch in range(5):
    network.train()
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(network(images), labels)
        loss.backward()
        optimizer.step()
        averaged.update_parameters(network)
    print(f"epoch {epoch}: error {error_rate(network, test_loader):.4f}")
print(f"error of the average {error_rate(averaged, test_loader):.4f}")
