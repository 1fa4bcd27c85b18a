"""Several tags a recipe: words in, one logit a tag, rare tags weighted up."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

TAGS = ["vegan", "spicy", "sweet", "quick"]
HINTS = {
    "vegan": ["lentils", "tofu", "beans", "kale"],
    "spicy": ["chili", "curry", "pepper"],
    "sweet": ["sugar", "honey", "vanilla", "cocoa"],
    "quick": ["salad", "toast", "leftover"],
}
PLAIN = ["water", "salt", "oil", "onion", "flour", "egg", "milk", "rice", "garlic", "butter"]
WORDS = PLAIN + [word for hints in HINTS.values() for word in hints]
OFTEN = {"vegan": 0.3, "spicy": 0.15, "sweet": 0.25, "quick": 0.1}


def recipes(n, seed):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        tags = [tag for tag in TAGS if rng.random() < OFTEN[tag]]
        words = list(rng.choice(PLAIN, 5))
        for tag in tags:
            words += list(rng.choice(HINTS[tag], rng.integers(1, 3)))
        words += list(rng.choice(WORDS, 1))
        yield words, tags


class Recipes(Dataset):
    def __init__(self, n, seed):
        self.rows = list(recipes(n, seed))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        words, tags = self.rows[i]
        x = torch.zeros(len(WORDS))
        for word in words:
            x[WORDS.index(word)] += 1
        y = torch.tensor([float(tag in tags) for tag in TAGS])
        return x, y


def f1_scores(logits, targets):
    guess = logits > 0
    hits = (guess & (targets > 0)).sum(0).float()
    return 2 * hits / (guess.sum(0) + targets.sum(0)).clamp(min=1)


torch.manual_seed(70)
train_set, val_set = Recipes(800, seed=1), Recipes(300, seed=2)
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)
share = torch.stack([y for _, y in train_set]).mean(0)

model = nn.Sequential(nn.Linear(len(WORDS), 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, len(TAGS)))
criterion = nn.BCEWithLogitsLoss(pos_weight=((1 - share) / share).clamp(max=5))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(10):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        output = model(x)
        loss = criterion(output, y)
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    outputs = [(model(x), y) for x, y in val_loader]
logits, targets = (torch.cat(parts) for parts in zip(*outputs, strict=True))
each = f1_scores(logits, targets)
print(", ".join(f"{tag} {score:.2f}" for tag, score in zip(TAGS, each.tolist(), strict=True)))
print(f"macro F1 {each.mean().item():.3f}")
