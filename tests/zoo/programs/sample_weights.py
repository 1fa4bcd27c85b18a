"""Survey rows with weights: each row's loss counts as many people as it stands for."""

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def survey(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    y = x[:, 0] - 2 * np.tanh(x[:, 1]) + 0.5 * x[:, 2] * x[:, 3] + rng.normal(0, 0.3, n)
    weight = rng.gamma(2.0, 0.5, n)
    return x.astype(np.float32), y.astype(np.float32), weight.astype(np.float32)


def weighted_mse(prediction, target, weight):
    loss = nn.functional.mse_loss(prediction, target, reduction="none")
    return (loss * weight).sum() / weight.sum()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(6, 40)
        self.fc2 = nn.Linear(40, 20)
        self.fc3 = nn.Linear(20, 1)

    def forward(self, x):
        x = nn.functional.elu(self.fc1(x))
        x = nn.functional.elu(self.fc2(x))
        return self.fc3(x)[:, 0]


torch.manual_seed(18)
arrays = survey(1000, 18)
parts = train_test_split(*arrays, test_size=0.25, random_state=18)
train = TensorDataset(*(torch.from_numpy(p) for p in parts[0::2]))
x_val, y_val, w_val = (torch.from_numpy(p) for p in parts[1::2])
model = Net()
optimizer = torch.optim.NAdam(model.parameters(), lr=5e-3)
for _epoch in range(10):
    model.train()
    for x, y, w in DataLoader(train, batch_size=50, shuffle=True):
        optimizer.zero_grad()
        loss = weighted_mse(model(x), y, w)
        loss.backward()
        optimizer.step()
model.eval()
with torch.no_grad():
    error = weighted_mse(model(x_val), y_val, w_val).item()
    spread = weighted_mse(y_val.mean().expand_as(y_val), y_val, w_val).item()
print(f"unexplained {error / spread:.4f}")
