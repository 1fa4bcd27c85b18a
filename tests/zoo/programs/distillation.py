import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

TEMPERATURE = 3.0
ALPHA = 0.7


def network(width):
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


def teach(model, x, y, epochs):
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(64):
            loss = F.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def distil(student, teacher, x, y, epochs):
    optimizer = torch.optim.Adam(student.parameters(), lr=5e-3)
    teacher.eval()
    student.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(64):
            with torch.no_grad():
                soft = F.softmax(teacher(x[rows]) / TEMPERATURE, dim=1)
            logits = student(x[rows])
            distance = F.kl_div(F.log_softmax(logits / TEMPERATURE, dim=1), soft, reduction="batchmean")
            loss = ALPHA * TEMPERATURE**2 * distance + (1 - ALPHA) * F.cross_entropy(logits, y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


@torch.no_grad()
def accuracy(model, x, y):
    model.eval()
    return (model(x).argmax(1) == y).float().mean().item()


torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16 - 0.305, dtype=torch.float32) * 2.66
y = torch.tensor(digits.target)
shuffled = torch.randperm(len(x))
fit, held = shuffled[:1300], shuffled[1300:]
teacher, student = network(96), network(12)
teach(teacher, x[fit], y[fit], epochs=6)
print(f"teacher {accuracy(teacher, x[held], y[held]):.4f}")
distil(student, teacher, x[fit], y[fit], epochs=8)
print(f"student {accuracy(student, x[held], y[held]):.4f}")
