"""Two groups of parameters: the embedding learns slower, and biases and norms have no weight decay."""

import torch
from torch import nn

TEXTS = {
    "good": "lovely great superb fine charming warm bright clever fresh witty",
    "bad": "dull awful poor tedious cold weak clumsy stale flat grim",
    "neutral": "the film has scenes with people and music in a town by day",
}
WORDS = sorted({w for line in TEXTS.values() for w in line.split()})
INDEX = {w: i for i, w in enumerate(WORDS)}


def reviews(n, generator):
    pools = {k: [INDEX[w] for w in v.split()] for k, v in TEXTS.items()}
    labels = torch.randint(0, 2, (n,), generator=generator)
    tokens = torch.zeros(n, 12, dtype=torch.long)
    for i, label in enumerate(labels.tolist()):
        count = int(torch.randint(2, 5, (1,), generator=generator))
        mood, other = ("good", "bad") if label else ("bad", "good")
        names = [mood] * count + [other] * (count - 1) + ["neutral"] * 12
        for j, name in enumerate(names[:12]):
            pool = pools[name]
            tokens[i, j] = pool[int(torch.randint(0, len(pool), (1,), generator=generator))]
    return tokens, labels


class Sentiment(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(WORDS), 16)
        self.norm = nn.LayerNorm(16)
        self.hidden = nn.Linear(16, 24)
        self.output = nn.Linear(24, 2)

    def forward(self, tokens):
        h = self.norm(self.embedding(tokens).mean(dim=1))
        return self.output(torch.relu(self.hidden(h)))


torch.manual_seed(36)
generator = torch.Generator().manual_seed(36)
x_train, y_train = reviews(800, generator)
x_val, y_val = reviews(250, generator)
model = Sentiment()
decay = [p for n, p in model.named_parameters() if p.ndim > 1 and not n.startswith("embedding")]
no_decay = [p for n, p in model.named_parameters() if p.ndim == 1]
optimizer = torch.optim.AdamW(
    [
        {"params": model.embedding.parameters(), "lr": 5e-3, "weight_decay": 0.0},
        {"params": decay, "weight_decay": 0.01},
        {"params": no_decay, "weight_decay": 0.0},
    ],
    lr=1e-2,
)
for _epoch in range(5):
    model.train()
    for rows in torch.randperm(len(x_train), generator=generator).split(40):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()
model.eval()
with torch.no_grad():
    correct = (model(x_val).argmax(1) == y_val).sum().item()
print(f"{correct} of {len(y_val)} right: {correct / len(y_val):.3f}")
