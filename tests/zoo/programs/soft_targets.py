"""Votes of ten readers as a target distribution; batches come from a generator."""

import torch
from torch import nn
from torch.nn import functional as F

CLASSES = 4
BATCH = 50


def votes(generator, truth):
    while True:
        x = torch.randn(BATCH, 6, generator=generator)
        probabilities = F.softmax(1.5 * x @ truth, dim=1)
        drawn = torch.multinomial(probabilities, 10, replacement=True, generator=generator)
        yield x, F.one_hot(drawn, CLASSES).float().mean(dim=1)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 32), nn.Mish(), nn.Linear(32, CLASSES))

    def forward(self, x):
        return F.log_softmax(self.net(x), dim=-1)


def main():
    torch.manual_seed(70)
    generator = torch.Generator().manual_seed(70)
    truth = torch.randn(6, CLASSES, generator=generator)
    stream = votes(generator, truth)
    held = [next(stream) for _ in range(5)]
    model = Reader()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step, (x, target) in zip(range(200), stream, strict=False):
        loss = F.kl_div(model(x), target, reduction="batchmean")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 49:
            print(step + 1, round(loss.item(), 4))
    model.eval()
    with torch.no_grad():
        agree = [(model(x).argmax(1) == target.argmax(1)).float().mean() for x, target in held]
    print(f"agrees with the most votes: {torch.stack(agree).mean().item():.3f}")


main()
