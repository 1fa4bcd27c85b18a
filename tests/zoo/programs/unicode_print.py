"""Größe und Gewicht: a line through points, with a report in several scripts."""

import torch
from torch import nn

torch.manual_seed(99)
größe = 1.7 + 0.1 * torch.randn(400, 1)
gewicht = 70 + 60 * (größe - 1.7) + 3 * torch.randn(400, 1)
μ, σ = größe[:300].mean(), größe[:300].std()
ŷ_mean, ŷ_std = gewicht[:300].mean(), gewicht[:300].std()
x = (größe - μ) / σ
y = (gewicht - ŷ_mean) / ŷ_std

modell = nn.Linear(1, 1)
optimierer = torch.optim.SGD(modell.parameters(), lr=0.1)
for epoche in range(20):
    for teil in torch.randperm(300).split(30):
        verlust = nn.functional.mse_loss(modell(x[teil]), y[teil])
        optimierer.zero_grad()
        verlust.backward()
        optimierer.step()
    if epoche % 5 == 4:
        print(f"Época {epoche + 1} → потери {verlust.item():.4f} ✓")

with torch.no_grad():
    rest = ((modell(x[300:]) - y[300:]) ** 2).mean().item()
print(f"残差 ∑(ŷ−y)²/n = {rest:.3f}")
