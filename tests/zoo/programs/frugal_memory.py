"""A deep network in little memory: checkpointed blocks, bfloat16, and the gradients of small batches summed."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.checkpoint import checkpoint

MICRO, ACCUMULATE, EPOCHS = 30, 2, 5


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, x):
        return x + self.down(F.silu(self.up(self.norm(x))))


class DeepNet(nn.Module):
    def __init__(self, width=48, depth=3):
        super().__init__()
        self.stem = nn.Linear(64, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False) if self.training else block(x)
        return self.head(x)


torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
mix = torch.randperm(len(y))
x, y = torch.tensor(x, dtype=torch.float32)[mix], torch.tensor(y)[mix]
train_x, train_y, dev_x, dev_y = x[:1200], y[:1200], x[1200:], y[1200:]
train_mean, train_std = train_x.mean(), train_x.std()

model = DeepNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for epoch in range(EPOCHS):
    model.train()
    optimizer.zero_grad()
    for i, rows in enumerate(torch.randperm(len(train_x)).split(MICRO)):
        inputs = (train_x[rows] - train_mean) / train_std
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(inputs)
        loss = F.cross_entropy(logits.float(), train_y[rows])
        (loss / ACCUMULATE).backward()
        if (i + 1) % ACCUMULATE == 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimizer.step()
            optimizer.zero_grad()

model.eval()
with torch.no_grad():
    inputs = (dev_x - train_mean) / train_std
    correct = (model(inputs).argmax(1) == dev_y).float().mean()
print(f"dev accuracy {correct.item():.3f}")
