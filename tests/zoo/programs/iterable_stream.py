import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset


class Moons(IterableDataset):
    """An endless stream, cut off: two half moons, new points every epoch."""

    def __init__(self, n, seed):
        self.n = n
        self.generator = torch.Generator().manual_seed(seed)

    def __iter__(self):
        for _ in range(self.n):
            label = int(torch.randint(0, 2, (), generator=self.generator))
            angle = torch.rand((), generator=self.generator) * 3.14159
            point = torch.stack([angle.cos(), angle.sin()])
            if label:
                point = torch.stack([1 - point[0], 0.4 - point[1]])
            point = point + 0.15 * torch.randn(2, generator=self.generator)
            yield point, torch.tensor(label)


torch.manual_seed(38)
train_loader = DataLoader(Moons(1000, 38), batch_size=40)
val_batches = list(DataLoader(Moons(300, 39), batch_size=100))

classifier = nn.Sequential(nn.Linear(2, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 2))
optimizer = torch.optim.Adam(classifier.parameters(), lr=1e-2)
loss_function = nn.CrossEntropyLoss()
for epoch in range(4):
    classifier.train()
    total, n = 0.0, 0
    for points, labels in train_loader:
        optimizer.zero_grad()
        loss = loss_function(classifier(points), labels)
        loss.backward()
        optimizer.step()
        total, n = total + loss.item() * len(labels), n + len(labels)
    classifier.eval()
    with torch.no_grad():
        hits = sum((classifier(points).argmax(1) == labels).sum().item() for points, labels in val_batches)
    print(f"epoch {epoch}: loss {total / n:.3f}, accuracy {hits / 300:.3f}")
