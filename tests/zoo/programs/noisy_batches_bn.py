import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

config = {"seed": 65, "batch_size": 24, "lr": 0.02, "epochs": 6, "dropout": 0.4, "hidden": 48}


class TabularNet(nn.Module):
    def __init__(self, n_in, hidden, dropout):
        super().__init__()
        self.bn_in = nn.BatchNorm1d(n_in)
        self.fc1 = nn.Linear(n_in, hidden, bias=False)
        self.bn1 = nn.BatchNorm1d(hidden)
        self.drop = nn.Dropout(dropout)
        self.fc2 = nn.Linear(hidden, 2)

    def forward(self, x):
        x = self.bn_in(x)
        x = self.drop(torch.relu(self.bn1(self.fc1(x))))
        return self.fc2(x)


class Metrics:
    def __init__(self):
        self.reset()

    def reset(self):
        self.right = self.total = 0

    def update(self, logits, y):
        self.right += int((logits.argmax(dim=1) == y).sum())
        self.total += len(y)

    def compute(self):
        return self.right / self.total


def main(cfg):
    torch.manual_seed(cfg["seed"])
    x, y = load_breast_cancer(return_X_y=True)
    order = torch.randperm(len(x))
    x = torch.tensor(x, dtype=torch.float32)[order]
    y = torch.tensor(y)[order]
    mean, std = x[:400].mean(0), x[:400].std(0)
    x = (x - mean) / std
    train = DataLoader(TensorDataset(x[:400], y[:400]), batch_size=cfg["batch_size"], shuffle=True)
    val = DataLoader(TensorDataset(x[400:], y[400:]), batch_size=50)
    model = TabularNet(30, cfg["hidden"], cfg["dropout"])
    optimizer = torch.optim.SGD(model.parameters(), lr=cfg["lr"], momentum=0.9)
    metrics = Metrics()
    for epoch in range(cfg["epochs"]):
        model.train()
        for xb, yb in train:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(xb), yb)
            loss.backward()
            optimizer.step()
        model.eval()
        metrics.reset()
        with torch.no_grad():
            for xb, yb in val:
                metrics.update(model(xb), yb)
        print(f"epoch {epoch}: {metrics.compute():.4f}")


if __name__ == "__main__":
    main(config)
