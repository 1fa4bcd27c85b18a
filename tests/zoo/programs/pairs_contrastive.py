"""A siamese network: pairs of digits, the same class or not; judged by the nearest class centre."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

MARGIN = 1.0

torch.manual_seed(31)
data, target = load_digits(return_X_y=True)
shuffle = torch.randperm(len(target))
x = torch.tensor(data).float()[shuffle] / 16
y = torch.tensor(target)[shuffle]
x_train, y_train, x_val, y_val = x[:1200], y[:1200], x[1200:], y[1200:]
mean = x_train.mean(0)
x_train, x_val = (x_train - mean) / 0.3, (x_val - mean) / 0.3


class Embedder(nn.Module):
    def __init__(self, dim=12):
        super().__init__()
        self.fc1 = nn.Linear(64, 64)
        self.fc2 = nn.Linear(64, dim)

    def forward(self, x):
        h = F.relu(self.fc1(x))
        return F.normalize(self.fc2(h), dim=1)


class ContrastiveLoss(nn.Module):
    def forward(self, a, b, same):
        distance = F.pairwise_distance(a, b)
        near = same * distance.pow(2)
        far = (1 - same) * F.relu(MARGIN - distance).pow(2)
        return 0.5 * (near + far).mean()


def sample_pairs(n):
    """Half of the pairs are of one class."""
    first = torch.randint(0, len(x_train), (n,))
    second = torch.randint(0, len(x_train), (n,))
    for i in range(0, n, 2):
        candidates = (y_train == y_train[first[i]]).nonzero().squeeze(1)
        second[i] = candidates[torch.randint(0, len(candidates), (1,))]
    same = (y_train[first] == y_train[second]).float()
    return x_train[first], x_train[second], same


net = Embedder()
criterion = ContrastiveLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(150):
    left, right, same = sample_pairs(64)
    loss = criterion(net(left), net(right), same)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

net.eval()
with torch.no_grad():
    codes = net(x_train)
    centres = torch.stack([codes[y_train == k].mean(0) for k in range(10)])
    nearest = torch.cdist(net(x_val), centres).argmin(1)
print("accuracy of the nearest centre:", round((nearest == y_val).float().mean().item(), 3))
