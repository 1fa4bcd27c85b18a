"""A small trainer class on the wine data."""

import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn


class WineNet(nn.Module):
    def __init__(self, n_features: int, n_classes: int, hidden: int = 32):
        super().__init__()
        self.hidden = nn.Linear(n_features, hidden)
        self.act = nn.Tanh()
        self.dropout = nn.Dropout(0.3)
        self.out = nn.Linear(hidden, n_classes)

    def forward(self, x):
        h = self.act(self.hidden(x))
        return self.out(self.dropout(h))


class Trainer:
    def __init__(self, model, lr=0.01, batch_size=16):
        self.model = model
        self.batch_size = batch_size
        self.loss_fn = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=lr)

    def fit(self, x, y, epochs):
        for _ in range(epochs):
            self.model.train()
            for rows in torch.randperm(len(x)).split(self.batch_size):
                self.training_step(x[rows], y[rows])

    def training_step(self, x, y):
        self.optimizer.zero_grad()
        loss = self.loss_fn(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def score(self, x, y):
        self.model.eval()
        predictions = self.model(x).argmax(dim=1)
        return (predictions == y).float().mean().item()


torch.manual_seed(42)
X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=42, stratify=y)
scaler = StandardScaler().fit(X_train)
X_train = torch.tensor(scaler.transform(X_train), dtype=torch.float32)
X_test = torch.tensor(scaler.transform(X_test), dtype=torch.float32)
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)

trainer = Trainer(WineNet(13, 3))
trainer.fit(X_train, y_train, epochs=20)
print("train accuracy", round(trainer.score(X_train, y_train), 4))
print("test accuracy", round(trainer.score(X_test, y_test), 4))
