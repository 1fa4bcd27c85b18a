# Three spirals, a hidden layer, and nothing but tensors
import math

import torch

torch.manual_seed(5)
N, D, K, H = 100, 2, 3, 64  # points per class, dimension, classes, hidden units

points, targets = [], []
for k in range(K):
    r = torch.linspace(0.05, 1, N)
    angle = torch.linspace(k * 4, (k + 1) * 4, N) + 0.2 * torch.randn(N)
    points.append(torch.stack([r * angle.sin(), r * angle.cos()], dim=1))
    targets.append(torch.full((N,), k))
X, y = torch.cat(points), torch.cat(targets)
X = X / X.std()
order = torch.randperm(len(X))
X, y = X[order], y[order]
X_train, y_train, X_test, y_test = X[:240], y[:240], X[240:], y[240:]

W1 = (torch.randn(D, H) * math.sqrt(2 / D)).requires_grad_()
b1 = torch.zeros(H, requires_grad=True)
W2 = (torch.randn(H, K) / math.sqrt(H)).requires_grad_()
b2 = torch.zeros(K, requires_grad=True)
parameters = [W1, b1, W2, b2]
velocity = [torch.zeros_like(p) for p in parameters]
rate, momentum, decay = 0.3, 0.9, 1e-3


def scores(x):
    hidden = torch.clamp(x @ W1 + b1, min=0)
    return hidden @ W2 + b2


for i in range(300):
    logits = scores(X_train)
    log_probabilities = logits - logits.logsumexp(dim=1, keepdim=True)
    data_loss = -log_probabilities[torch.arange(len(y_train)), y_train].mean()
    loss = data_loss + 0.5 * decay * (W1.pow(2).sum() + W2.pow(2).sum())
    loss.backward()
    with torch.no_grad():
        for p, v in zip(parameters, velocity, strict=True):
            v.mul_(momentum).add_(p.grad)
            p -= rate * v
            p.grad.zero_()
    if i % 100 == 99:
        print(f"iteration {i + 1}: loss {loss.item():.4f}")

with torch.no_grad():
    print("test accuracy: %.3f" % (scores(X_test).argmax(dim=1) == y_test).float().mean().item())
