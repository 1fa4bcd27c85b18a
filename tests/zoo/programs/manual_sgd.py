import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

lr = 0.05
epochs = 8
bs = 20


class Logistic(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(30, 2)

    def forward(self, xb):
        return self.lin(xb)


def get_data():
    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_valid, y_train, y_valid = train_test_split(x, y, test_size=0.3, random_state=2)
    m, s = x_train.mean(0), x_train.std(0)
    x_train, x_valid = (torch.tensor((a - m) / s, dtype=torch.float) for a in (x_train, x_valid))
    return x_train, torch.tensor(y_train), x_valid, torch.tensor(y_valid)


def fit(model, x_train, y_train):
    n = len(x_train)
    for _ in range(epochs):
        shuffled = torch.randperm(n)
        for i in range((n - 1) // bs + 1):
            rows = shuffled[i * bs : (i + 1) * bs]
            loss = nn.functional.cross_entropy(model(x_train[rows]), y_train[rows])
            loss.backward()
            with torch.no_grad():
                for p in model.parameters():
                    p -= p.grad * lr
                model.zero_grad()


torch.manual_seed(2)
x_train, y_train, x_valid, y_valid = get_data()
model = Logistic()
fit(model, x_train, y_train)
with torch.no_grad():
    print("valid accuracy", round((model(x_valid).argmax(1) == y_valid).float().mean().item(), 4))
