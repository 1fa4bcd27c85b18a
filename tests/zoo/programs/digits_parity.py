"""Odd or even? The digits, with one output."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(0)
digits = load_digits()
pixels = torch.tensor(digits.data, dtype=torch.float32) / 8 - 1
odd = torch.tensor(digits.target % 2, dtype=torch.float32)
where = torch.randperm(len(odd))
train, valid = where[:1300], where[1300:]

net = nn.Sequential(
    nn.Linear(64, 64),
    nn.SiLU(),
    nn.LayerNorm(64),
    nn.Linear(64, 32),
    nn.SiLU(),
    nn.Linear(32, 1),
    nn.Flatten(0),
)
opt = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=1e-5)
warmup = torch.optim.lr_scheduler.LinearLR(opt, start_factor=0.1, total_iters=20)

step = 0
for epoch in range(8):
    for rows in train[torch.randperm(len(train))].split(65):
        net.train()
        opt.zero_grad()
        score = net(pixels[rows])
        loss = nn.functional.binary_cross_entropy_with_logits(score, odd[rows])
        loss.backward()
        opt.step()
        warmup.step()
        step += 1
        if step % 40 == 0:
            net.eval()
            with torch.no_grad():
                guess = (net(pixels[valid]) > 0).float()
            correct = (guess == odd[valid]).float().mean().item()
            print(f"step {step}: loss {loss.item():.3f}, accuracy {100 * correct:.1f} %")
