"""Knowledge distillation with the teacher's logits computed once: a wide net teaches a narrow one from few digits."""

from itertools import pairwise

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

TEMPERATURE, ALPHA = 3.0, 0.7


def mlp(*sizes, dropout=0.0):
    layers = []
    for fan_in, fan_out in pairwise(sizes[:-1]):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def load():
    pixels, digits = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        pixels, digits, train_size=900, test_size=500, random_state=6, stratify=digits
    )
    mean, std = x_train.mean(), x_train.std()
    x_train = torch.tensor((x_train - mean) / std, dtype=torch.float32)
    x_test = torch.tensor((x_test - mean) / std, dtype=torch.float32)
    return x_train, torch.tensor(y_train), x_test, torch.tensor(y_test)


def fit(model, loader, objective, epochs, lr):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    model.train()
    for _ in range(epochs):
        for batch in loader:
            optimizer.zero_grad()
            objective(model(batch[0]), *batch[1:]).backward()
            optimizer.step()
    return model.eval()


@torch.no_grad()
def accuracy(model, x, y):
    model.eval()
    return (model(x).argmax(dim=1) == y).float().mean().item()


def distillation(logits, labels, teacher_logits):
    soft = F.kl_div(
        F.log_softmax(logits / TEMPERATURE, dim=1),
        F.softmax(teacher_logits / TEMPERATURE, dim=1),
        reduction="batchmean",
    )
    return ALPHA * TEMPERATURE**2 * soft + (1 - ALPHA) * F.cross_entropy(logits, labels)


def main():
    torch.manual_seed(45)
    x_train, y_train, x_test, y_test = load()
    teacher = mlp(64, 128, 128, 10, dropout=0.2)
    labelled = DataLoader(TensorDataset(x_train, y_train), batch_size=50, shuffle=True)
    fit(teacher, labelled, F.cross_entropy, epochs=8, lr=3e-3)
    with torch.no_grad():
        teacher_logits = teacher(x_train)

    student = mlp(64, 12, 10)
    taught = DataLoader(TensorDataset(x_train, y_train, teacher_logits), batch_size=50, shuffle=True)
    fit(student, taught, distillation, epochs=12, lr=1e-2)
    print(f"teacher {accuracy(teacher, x_test, y_test):.3f}, student {accuracy(student, x_test, y_test):.3f}")


if __name__ == "__main__":
    main()
