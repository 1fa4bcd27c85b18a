"""A physics-informed net: solves u'' + 0.4 u' + 4 u = 0, u(0) = 1, u'(0) = 0, without any data."""

import math

import torch
import torch.nn as nn

torch.manual_seed(23)
END = 2.5
DAMPING, STIFFNESS = 0.4, 4.0


class Net(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1)
        )

    def forward(self, t):
        return self.net(2 * t / END - 1)


def derivative(u, t):
    return torch.autograd.grad(u, t, torch.ones_like(u), create_graph=True)[0]


def loss_fn(net, t):
    t = t.requires_grad_()
    u = net(t)
    du = derivative(u, t)
    ddu = derivative(du, t)
    residual = ddu + DAMPING * du + STIFFNESS * u
    start = torch.zeros(1, 1, requires_grad=True)
    u0 = net(start)
    du0 = derivative(u0, start)
    return residual.pow(2).mean() + 20 * (u0 - 1).pow(2).sum() + 5 * du0.pow(2).sum()


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.995)
for step in range(400):
    points = END * torch.rand(48, 1)
    loss = loss_fn(net, points)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if step % 100 == 99:
        print(f"step {step + 1}: residual {loss.item():.4f}")

t = torch.linspace(0, END, 201).unsqueeze(1)
decay, omega = DAMPING / 2, math.sqrt(STIFFNESS - DAMPING**2 / 4)
exact = torch.exp(-decay * t) * (torch.cos(omega * t) + decay / omega * torch.sin(omega * t))
with torch.no_grad():
    error = (net(t) - exact).abs().max().item()
print(f"largest distance from the exact solution {error:.4f}")
