"""Few labels, many pictures without: the student agrees with the slow average of itself."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class NoisyNet(nn.Module):
    def __init__(self, sigma=0.4):
        super().__init__()
        self.sigma = sigma
        self.fc1 = nn.Linear(64, 100)
        self.fc2 = nn.Linear(100, 50)
        self.fc3 = nn.Linear(50, 10)

    def forward(self, x):
        if self.training:
            x = x + self.sigma * torch.randn_like(x)
        x = F.leaky_relu(self.fc1(x), 0.1)
        x = F.leaky_relu(self.fc2(x), 0.1)
        return self.fc3(x)


@torch.no_grad()
def follow(teacher, student, momentum):
    for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
        slow.lerp_(fast, 1 - momentum)


def main():
    torch.manual_seed(61)
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, y, test_size=400, random_state=61, stratify=y)
    mean, std = x.mean(), x.std()
    x, x_test = torch.tensor((x - mean) / std).float(), torch.tensor((x_test - mean) / std).float()
    y, y_test = torch.tensor(y), torch.tensor(y_test)
    labelled = 100

    student = NoisyNet()
    teacher = copy.deepcopy(student).requires_grad_(False)
    optimizer = torch.optim.Adam(student.parameters(), lr=2e-3)
    steps = 300
    for step in range(steps):
        rows = torch.randint(0, labelled, (40,))
        others = torch.randint(labelled, len(x), (80,))
        student.train()
        teacher.train()
        classification = F.cross_entropy(student(x[rows]), y[rows])
        agreement = F.mse_loss(student(x[others]).softmax(1), teacher(x[others]).softmax(1))
        weight = 20.0 * min(1.0, step / 100)
        loss = classification + weight * agreement
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        follow(teacher, student, momentum=0.97)

    student.eval()
    teacher.eval()
    with torch.no_grad():
        fast = (student(x_test).argmax(1) == y_test).float().mean().item()
        slow = (teacher(x_test).argmax(1) == y_test).float().mean().item()
    print(f"student {fast:.3f}, teacher {slow:.3f}")


if __name__ == "__main__":
    main()
