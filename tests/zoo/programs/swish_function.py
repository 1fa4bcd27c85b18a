"""An own activation with its own backward pass, in a network that fits the roughness of a surface."""

from itertools import pairwise

import torch
from torch import nn


class Swish(torch.autograd.Function):
    """x * sigmoid(x), which keeps only x for the way back."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return grad_output * (s + x * s * (1 - s))


class SurfaceNet(nn.Module):
    def __init__(self, sizes=(3, 40, 40, 1)):
        super().__init__()
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        for linear in self.linears:
            nn.init.kaiming_uniform_(linear.weight, nonlinearity="linear")
            nn.init.zeros_(linear.bias)

    def forward(self, x):
        for linear in self.linears[:-1]:
            x = Swish.apply(linear(x))
        return self.linears[-1](x).flatten()


def surface(n, g):
    x = torch.rand(n, 3, generator=g) * 2 - 1
    y = torch.sin(3 * x[:, 0]) + x[:, 1] ** 2 - 0.5 * x[:, 2] * x[:, 0]
    return x, y + 0.05 * torch.randn(n, generator=g)


generator = torch.Generator().manual_seed(0)
x_train, y_train = surface(600, generator)
x_test, y_test = surface(200, generator)
offset, unit = y_train.mean(), y_train.std()
x_mean, x_std = x_train.mean(0), x_train.std(0)

torch.manual_seed(0)
net = SurfaceNet()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
lr_schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.93**epoch)
for epoch in range(25):
    for chosen in torch.randperm(len(x_train)).split(30):
        guess = net((x_train[chosen] - x_mean) / x_std)
        loss = nn.functional.mse_loss(guess, (y_train[chosen] - offset) / unit)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    lr_schedule.step()

with torch.no_grad():
    guess = net((x_test - x_mean) / x_std) * unit + offset
    unexplained = ((guess - y_test) ** 2).mean() / y_test.var()
print(f"share unexplained {unexplained:.4f}")
