"""Several genres a film: multi-label classification with rare labels weighted up."""

import numpy as np
import torch
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import f1_score
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
counts, genres = make_multilabel_classification(
    n_samples=1000, n_features=24, n_classes=6, n_labels=2, length=60, random_state=4
)
x_train, x_valid = counts[:750].astype(np.float32), counts[750:].astype(np.float32)
y_train, y_valid = genres[:750].astype(np.float32), genres[750:].astype(np.float32)
mean, std = x_train.mean(axis=0), x_train.std(axis=0) + 1e-6
x_train = (x_train - mean) / std
x_valid = (x_valid - mean) / std

positive = y_train.mean(axis=0)
criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(np.sqrt((1 - positive) / positive)))


class GenreNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Dropout(0.2))
        self.heads = nn.ModuleList([nn.Linear(64, 1) for _ in range(6)])

    def forward(self, x):
        h = self.trunk(x)
        return torch.cat([head(h) for head in self.heads], dim=1)


net = GenreNet()
optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3, weight_decay=1e-2)
loader = DataLoader(TensorDataset(torch.from_numpy(x_train), torch.from_numpy(y_train)), batch_size=50, shuffle=True)

for epoch in range(12):
    net.train()
    for features, labels in loader:
        optimizer.zero_grad()
        loss = criterion(net(features), labels)
        loss.backward()
        optimizer.step()

net.eval()
with torch.no_grad():
    probabilities = torch.sigmoid(net(torch.from_numpy(x_valid))).numpy()
predicted = (probabilities > 0.5).astype(int)
print("micro F1 %.3f" % f1_score(y_valid.astype(int), predicted, average="micro"))
