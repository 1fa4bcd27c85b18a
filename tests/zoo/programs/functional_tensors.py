# a network of plain tensors, no nn.Module at all
import math

import torch
from sklearn.datasets import load_digits

torch.manual_seed(9)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32) / 8 - 1
y = torch.tensor(digits.target)
perm = torch.randperm(len(x))
x_train, y_train = x[perm[:1400]], y[perm[:1400]]
x_valid, y_valid = x[perm[1400:]], y[perm[1400:]]

w1 = (torch.randn(64, 50) / math.sqrt(64)).requires_grad_()
b1 = torch.zeros(50, requires_grad=True)
w2 = (torch.randn(50, 10) / math.sqrt(50)).requires_grad_()
b2 = torch.zeros(10, requires_grad=True)
parameters = [w1, b1, w2, b2]


def log_softmax(scores):
    return scores - scores.exp().sum(-1, keepdim=True).log()


def model(batch):
    hidden = torch.tanh(batch @ w1 + b1)
    return log_softmax(hidden @ w2 + b2)


def nll(log_probabilities, target):
    return -log_probabilities[range(target.shape[0]), target].mean()


optimizer = torch.optim.Adam(parameters, lr=5e-3)
batch_size = 64
for epoch in range(6):
    for i in range((len(x_train) - 1) // batch_size + 1):
        xb = x_train[i * batch_size : (i + 1) * batch_size]
        yb = y_train[i * batch_size : (i + 1) * batch_size]
        loss = nll(model(xb), yb)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad():
        accuracy = (model(x_valid).argmax(dim=1) == y_valid).float().mean()
    print(epoch, f"{accuracy.item():.4f}")
