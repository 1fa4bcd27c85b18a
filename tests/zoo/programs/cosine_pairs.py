import torch
import torch.nn as nn
from sklearn.datasets import load_digits


def pairs(x, y, n, generator):
    """Half of the pairs of one class, half of two."""
    first = torch.randint(0, len(x), (n,), generator=generator)
    second = torch.randint(0, len(x), (n,), generator=generator)
    for i in range(0, n, 2):
        same = torch.nonzero(y == y[first[i]]).flatten()
        second[i] = same[torch.randint(0, len(same), (1,), generator=generator)]
    target = torch.where(y[first] == y[second], 1.0, -1.0)
    return x[first], x[second], target


generator = torch.Generator().manual_seed(12)
torch.manual_seed(12)
digits = load_digits()
x = torch.tensor(digits.data).float().div(16).sub(0.3)
y = torch.tensor(digits.target)
order = torch.randperm(len(x), generator=generator)
x, y = x[order], y[order]
a, b, t = pairs(x[:1200], y[:1200], 1200, generator)
va, vb, vt = pairs(x[1200:], y[1200:], 400, generator)

tower = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
loss_fn = nn.CosineEmbeddingLoss(margin=0.2)
optimizer = torch.optim.Adam(tower.parameters(), lr=2e-3)
for _epoch in range(10):
    for rows in torch.randperm(len(a), generator=generator).split(60):
        loss = loss_fn(tower(a[rows]), tower(b[rows]), t[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

tower.eval()
with torch.no_grad():
    similarity = nn.functional.cosine_similarity(tower(va), tower(vb))
accuracy = ((similarity > 0.6) == (vt > 0)).float().mean().item()
print("pairs told apart", round(accuracy, 3))
