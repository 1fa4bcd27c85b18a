"""Logistic regression on squared features, by L-BFGS on all rows at once."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

torch.manual_seed(0)
features, benign = load_breast_cancer(return_X_y=True)
a, b, ya, yb = train_test_split(features, benign, test_size=0.3, random_state=1, stratify=benign)
a, b = torch.tensor(a), torch.tensor(b)
ya, yb = torch.tensor(ya).double(), torch.tensor(yb).double()
mu, sd = a.mean(0), a.std(0)
a, b = (a - mu) / sd, (b - mu) / sd
a, b = torch.cat([a, a**2 / 4], 1), torch.cat([b, b**2 / 4], 1)

w = torch.zeros(a.shape[1], dtype=torch.float64, requires_grad=True)
c = torch.zeros((), dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.LBFGS([w, c], lr=0.5, max_iter=10, line_search_fn="strong_wolfe")
PENALTY = 5e-3


def closure():
    optimizer.zero_grad()
    score = a @ w + c
    loss = F.binary_cross_entropy_with_logits(score, ya) + PENALTY * w.square().sum()
    loss.backward()
    return loss


for round_ in range(6):
    loss = optimizer.step(closure)
    print(f"round {round_}: {loss.item():.4f}")

with torch.no_grad():
    right = ((b @ w + c > 0).double() == yb).double().mean().item()
print(f"test accuracy {right:.4f}")
