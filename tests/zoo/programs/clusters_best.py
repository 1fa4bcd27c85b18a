import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

torch.manual_seed(1234)

# ---- data -------------------------------------------------------------
X, y = make_classification(
    n_samples=1200, n_features=16, n_informative=8, n_classes=5, n_clusters_per_class=1, class_sep=1.6, random_state=3
)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=300, random_state=0)
X_train, X_val, y_train, y_val = train_test_split(X_train, y_train, test_size=200, random_state=0)
m, s = X_train.mean(0), X_train.std(0)
X_train, X_val, X_test = [torch.tensor((a - m) / s, dtype=torch.float32) for a in (X_train, X_val, X_test)]
y_train, y_val, y_test = [torch.tensor(a) for a in (y_train, y_val, y_test)]


# ---- model ------------------------------------------------------------
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = torch.nn.ModuleList([torch.nn.Linear(16, 64), torch.nn.Linear(64, 64)])
        self.dropout = torch.nn.Dropout(0.15)
        self.last = torch.nn.Linear(64, 5)

    def forward(self, x):
        for block in self.blocks:
            x = self.dropout(F.leaky_relu(block(x)))
        return F.log_softmax(self.last(x), dim=-1)


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        guess = net(x).argmax(-1)
    return guess.eq(y).sum().item() / len(y)


# ---- training ---------------------------------------------------------
net = Net()
optim = torch.optim.SGD(net.parameters(), lr=0.08, momentum=0.9, weight_decay=5e-4, nesterov=True)
sched = torch.optim.lr_scheduler.MultiStepLR(optim, milestones=[12, 18], gamma=0.2)
path = Path(tempfile.mkdtemp()) / "best.pt"
best = -1.0
for epoch in range(24):
    net.train()
    order = torch.randperm(X_train.size(0))
    for i in range(0, X_train.size(0), 50):
        idx = order[i : i + 50]
        xb, yb = X_train[idx], y_train[idx]
        out = net(xb)
        loss = F.nll_loss(out, yb)
        optim.zero_grad()
        loss.backward()
        optim.step()
    sched.step()
    acc = accuracy(net, X_val, y_val)
    if acc > best:
        best = acc
        torch.save(net.state_dict(), path)
        print(f"epoch {epoch}: new best {acc:.3f}")

net.load_state_dict(torch.load(path))
print(f"test accuracy of the best {accuracy(net, X_test, y_test):.3f}")
