"""A convolutional teacher from the shelf, a small student that learns from its soft answers on unlabelled digits."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

T = 3.0


class Teacher(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.conv = nn.Conv2d(1, 24, 3, bias=False)
        self.bn = nn.BatchNorm2d(24)
        self.fc = nn.Linear(24 * 3 * 3, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn(self.conv(self.norm(x)))), 2)
        return self.fc(x.flatten(1))


class Student(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(64, 24)
        self.second = nn.Linear(24, 10)

    def forward(self, x):
        return self.second(torch.relu(self.first(x.flatten(1))))


def load(seed=40):
    x, y = load_digits(return_X_y=True)
    x = torch.tensor(x / 16.0, dtype=torch.float32).view(-1, 1, 8, 8)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    return x[order], torch.tensor(y)[order]


def train_teacher(x, y):
    teacher = Teacher()
    optimizer = torch.optim.Adam(teacher.parameters(), lr=5e-3)
    for _ in range(4):
        for rows in torch.randperm(len(x)).split(50):
            loss = F.cross_entropy(teacher(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return teacher.eval().requires_grad_(False)


def distil(teacher, student, x, epochs=12):
    optimizer = torch.optim.Adam(student.parameters(), lr=5e-3)
    for epoch in range(epochs):
        student.train()
        total = 0.0
        for rows in torch.randperm(len(x)).split(40):
            with torch.no_grad():
                soft = F.softmax(teacher(x[rows]) / T, dim=1)
            answer = F.log_softmax(student(x[rows]) / T, dim=1)
            loss = F.kl_div(answer, soft, reduction="batchmean") * T * T
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        if epoch % 4 == 3:
            print(f"epoch {epoch + 1}: divergence {total / len(x):.4f}")


if __name__ == "__main__":
    torch.manual_seed(40)
    x, y = load()
    mean, std = x[:600].mean(), x[:600].std()
    x = (x - mean) / std
    teacher = train_teacher(x[:600], y[:600])
    student = Student()
    distil(teacher, student, x[600:1300])
    student.eval()
    with torch.no_grad():
        scores = [(m(x[1300:]).argmax(1) == y[1300:]).float().mean().item() for m in (teacher, student)]
    print(f"teacher {scores[0]:.3f}, student {scores[1]:.3f}")
