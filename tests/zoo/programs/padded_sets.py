"""Sets of points of different sizes, padded and masked: how widely is the set spread?"""

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class PointSets(Dataset):
    def __init__(self, n, seed):
        generator = torch.Generator().manual_seed(seed)
        self.sets, self.spreads = [], []
        for _ in range(n):
            size = int(torch.randint(4, 16, (1,), generator=generator))
            scale = 0.2 + 1.6 * torch.rand((), generator=generator)
            centre = torch.randn(2, generator=generator)
            points = centre + scale * torch.randn(size, 2, generator=generator)
            self.sets.append(points)
            self.spreads.append((points - points.mean(0)).norm(dim=1).mean())

    def __len__(self):
        return len(self.sets)

    def __getitem__(self, i):
        return self.sets[i], self.spreads[i]


def pad(batch):
    longest = max(len(points) for points, _ in batch)
    points = torch.zeros(len(batch), longest, 2)
    mask = torch.zeros(len(batch), longest)
    for row, (one, _) in enumerate(batch):
        points[row, : len(one)] = one
        mask[row, : len(one)] = 1.0
    return points, mask, torch.stack([spread for _, spread in batch])


class DeepSet(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.layers = nn.ModuleDict(
            {
                "phi": nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, width)),
                "rho": nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 1)),
            }
        )

    def forward(self, points, mask):
        weight = mask.unsqueeze(-1)
        count = weight.sum(dim=1)
        centred = (points - (points * weight).sum(dim=1, keepdim=True) / count.unsqueeze(1)) * weight
        features = torch.relu(self.layers["phi"](centred)) * weight
        mean = features.sum(dim=1) / count
        spread = ((features - mean.unsqueeze(1)).pow(2) * weight).sum(dim=1) / count
        pooled = torch.cat([mean, (spread + 1e-6).sqrt()], dim=1)
        return self.layers["rho"](pooled).squeeze(1)


def main():
    torch.manual_seed(55)
    train, test = PointSets(500, seed=1), PointSets(200, seed=2)
    loader = DataLoader(train, batch_size=25, shuffle=True, collate_fn=pad)
    spreads = torch.stack(train.spreads)
    mean, std = spreads.mean(), spreads.std()
    model = DeepSet()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(12):
        for points, mask, spread in loader:
            loss = nn.functional.smooth_l1_loss(model(points, mask), (spread - mean) / std)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if epoch % 4 == 3:
            print(f"epoch {epoch + 1} loss {loss.item():.4f}")
    points, mask, spread = pad([test[i] for i in range(len(test))])
    model.eval()
    with torch.no_grad():
        estimate = model(points, mask) * std + mean
    print(f"unexplained {((estimate - spread).pow(2).mean() / spread.var()).item():.4f}")


if __name__ == "__main__":
    main()
