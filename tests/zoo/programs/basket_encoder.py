"""Is the thing that was asked for in the basket? A transformer encoder with positions and a mask for the padding."""

import random

import torch
from torch import nn

PAD, THINGS, LONGEST = 0, 12, 9


def baskets(n, seed):
    """First the thing that is asked for, then three to eight others, then padding."""
    rng = random.Random(seed)
    rows, labels = torch.full((n, LONGEST), PAD), torch.zeros(n, dtype=torch.long)
    for i in range(n):
        size = rng.randint(3, LONGEST - 1)
        basket = rng.sample(range(1, THINGS + 1), size)
        labels[i] = rng.randint(0, 1)
        missing = [thing for thing in range(1, THINGS + 1) if thing not in basket]
        rows[i, 0] = rng.choice(basket if labels[i] else missing)
        rows[i, 1 : size + 1] = torch.tensor(basket)
    return rows, labels


class BasketFormer(nn.Module):
    def __init__(self, width=32, heads=2):
        super().__init__()
        self.tokens = nn.Embedding(THINGS + 1, width, padding_idx=PAD)
        self.positions = nn.Parameter(0.02 * torch.randn(LONGEST, width))
        layer = nn.TransformerEncoderLayer(width, heads, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=1, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, 2)

    def forward(self, rows):
        padding = rows == PAD
        h = self.tokens(rows) + self.positions[: rows.size(1)]
        h = self.encoder(h, src_key_padding_mask=padding)
        return self.out(self.norm(h[:, 0]))


torch.manual_seed(2)
x_train, y_train = baskets(1500, 0)
x_valid, y_valid = baskets(400, 1)
model = BasketFormer()
EPOCHS, BATCH = 9, 60
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.OneCycleLR(
    optimizer, max_lr=5e-3, epochs=EPOCHS, steps_per_epoch=len(x_train) // BATCH
)
for epoch in range(EPOCHS):
    model.train()
    for rows in torch.randperm(len(x_train)).split(BATCH):
        loss = nn.functional.cross_entropy(model(x_train[rows]), y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()

model.eval()
with torch.no_grad():
    share = (model(x_valid).argmax(1) == y_valid).float().mean().item()
print(f"valid accuracy {share:.3f}")
