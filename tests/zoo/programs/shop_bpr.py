"""What will a customer buy next? Embeddings of customers and goods by Bayesian personalised ranking (Rendle, 2009)."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

N_USERS, N_ITEMS, TASTES = 200, 80, 4


def purchases(rng):
    """For each customer the goods bought, in order of time; most are of one or two tastes."""
    taste_of_item = np.arange(N_ITEMS) % TASTES
    popularity = rng.gamma(2.0, 1.0, N_ITEMS)
    baskets = []
    for user in range(N_USERS):
        liking = rng.dirichlet([0.25] * TASTES)
        p = (liking[taste_of_item] + 0.01) * popularity
        baskets.append(rng.choice(N_ITEMS, size=rng.integers(6, 14), replace=False, p=p / p.sum()))
    return baskets


class BPR(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.user = nn.Embedding(N_USERS, dim)
        self.item = nn.Embedding(N_ITEMS, dim)
        self.item_bias = nn.Embedding(N_ITEMS, 1)
        nn.init.normal_(self.user.weight, std=0.1)
        nn.init.normal_(self.item.weight, std=0.1)
        nn.init.zeros_(self.item_bias.weight)

    def forward(self, users, items):
        return (self.user(users) * self.item(items)).sum(-1) + self.item_bias(items).squeeze(-1)

    def all_scores(self):
        return self.user.weight @ self.item.weight.T + self.item_bias.weight.T


def bpr_loss(positive, negative):
    return -F.logsigmoid(positive - negative).mean()


def sample_negatives(users, bought, rng):
    items = rng.integers(0, N_ITEMS, len(users))
    while (clash := bought[users, items]).any():
        items[clash] = rng.integers(0, N_ITEMS, clash.sum())
    return torch.from_numpy(items)


def hit_rate(model, bought, held_out, k=10):
    """Share of the customers whose last purchase is among the k best goods that they have not bought yet."""
    model.eval()
    with torch.no_grad():
        scores = model.all_scores().masked_fill(torch.from_numpy(bought), float("-inf"))
    best = scores.topk(k, dim=1).indices
    return (best == held_out[:, None]).any(dim=1).float().mean().item()


if __name__ == "__main__":
    rng = np.random.default_rng(40)
    torch.manual_seed(40)
    baskets = purchases(rng)
    held_out = torch.tensor([basket[-1] for basket in baskets])
    pairs = torch.tensor([(user, item) for user, basket in enumerate(baskets) for item in basket[:-1]])
    bought = np.zeros((N_USERS, N_ITEMS), dtype=bool)
    bought[pairs[:, 0], pairs[:, 1]] = True

    model = BPR()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2, weight_decay=1e-3)
    for epoch in range(16):
        model.train()
        total = 0.0
        for rows in torch.randperm(len(pairs)).split(128):
            users, items = pairs[rows].T
            negatives = sample_negatives(users.numpy(), bought, rng)
            loss = bpr_loss(model(users, items), model(users, negatives))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        if epoch % 4 == 3:
            print(f"epoch {epoch + 1:2d}  loss {total / len(pairs):.4f}")
    popular = torch.from_numpy(np.where(bought, -1, bought.sum(0))).topk(10, dim=1).indices
    print(f"hit rate of the popular goods {(popular == held_out[:, None]).any(1).float().mean():.3f}")
    print(f"hit rate at 10: {hit_rate(model, bought, held_out):.3f}")
