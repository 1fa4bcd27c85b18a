"""Readings of a machine come as a stream; is it running well? An IterableDataset, never the same data twice."""

import itertools

import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset


class Machine(IterableDataset):
    """Vibration of 32 samples. A worn bearing adds short knocks."""

    def __init__(self, seed, limit=None):
        self.seed = seed
        self.limit = limit

    def reading(self, g):
        worn = torch.randint(0, 2, (), generator=g)
        phase = 6.28 * torch.rand((), generator=g)
        signal = 3.0 * torch.sin(torch.arange(32) * 0.4 + phase) + torch.randn(32, generator=g)
        if worn:
            start = int(torch.randint(0, 6, (), generator=g))
            signal[start::7] += 3.5
        return {"signal": signal, "worn": worn}

    def __iter__(self):
        g = torch.Generator().manual_seed(self.seed)
        forever = (self.reading(g) for _ in itertools.count())
        return itertools.islice(forever, self.limit)


def collate(samples):
    signals = torch.stack([s["signal"] for s in samples])
    worn = torch.tensor([s["worn"].item() for s in samples])
    return (signals - 0.2) / 2.5, worn


class KnockNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 16, 5, padding=2)
        self.norm1 = nn.GroupNorm(4, 16)
        self.conv2 = nn.Conv1d(16, 16, 5, padding=2)
        self.norm2 = nn.GroupNorm(4, 16)
        self.fc = nn.Linear(16, 2)

    def forward(self, x):
        x = x.unsqueeze(1)
        x = nn.functional.gelu(self.norm1(self.conv1(x)))
        x = nn.functional.gelu(self.norm2(self.conv2(x)))
        return self.fc(x.amax(dim=2))


torch.manual_seed(0)
net = KnockNet()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
train_stream = DataLoader(Machine(seed=1), batch_size=40, collate_fn=collate)
test_stream = DataLoader(Machine(seed=2, limit=400), batch_size=100, collate_fn=collate)

for step, (signals, worn) in enumerate(itertools.islice(train_stream, 100), start=1):
    loss = nn.functional.cross_entropy(net(signals), worn)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 25 == 0:
        print(f"step {step} loss {loss.item():.3f}")

net.eval()
right, total = 0, 0
with torch.no_grad():
    for signals, worn in test_stream:
        right += (net(signals).argmax(1) == worn).sum().item()
        total += len(worn)
print(f"test accuracy {right / total:.3f}")
