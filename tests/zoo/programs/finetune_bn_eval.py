"""Fine-tuning with the batch norms kept in eval mode: their statistics stay those of the first training."""

import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn


def conv_net(classes):
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1, bias=False),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1, bias=False),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(96, classes),
    )


def keep_batch_norm(model):
    model.train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


torch.manual_seed(20)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1)
labels = torch.tensor(digits.target)
order = torch.randperm(len(images))
images, labels = images[order], labels[order]
base, tune, test = slice(0, 700), slice(700, 1300), slice(1300, None)

# the first training: even or odd, kept with its mean and deviation
mean, std = images[base].mean().item(), images[base].std().item()
pretrained = conv_net(2)
optimizer = torch.optim.Adam(pretrained.parameters(), lr=5e-3)
for rows in torch.randperm(700).split(50):
    loss = F.cross_entropy(pretrained((images[base][rows] - mean) / std), labels[base][rows] % 2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
checkpoint = Path(tempfile.mkdtemp()) / "parity.pt"
torch.save({"state": pretrained.state_dict(), "mean": mean, "std": std}, checkpoint)

# the second: ten digits, slowly, from that state
saved = torch.load(checkpoint)
model = conv_net(10)
state = {k: v for k, v in saved["state"].items() if not k.startswith("9.")}
model.load_state_dict(state, strict=False)
images = (images - saved["mean"]) / saved["std"]
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for _epoch in range(5):
    keep_batch_norm(model)
    for rows in torch.randperm(600).split(30):
        loss = F.cross_entropy(model(images[tune][rows]), labels[tune][rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
model.eval()
with torch.no_grad():
    accuracy = (model(images[test]).argmax(1) == labels[test]).float().mean().item()
print(f"accuracy after fine-tuning {accuracy:.3f}")
