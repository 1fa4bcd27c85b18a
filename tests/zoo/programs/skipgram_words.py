"""Word vectors by skip-gram with negative sampling; words of one kind should end side by side."""

import random

import torch
import torch.nn as nn
import torch.nn.functional as F

KINDS = {
    "animal": "cat dog horse cow sheep goat".split(),
    "fruit": "apple pear plum grape melon fig".split(),
    "tool": "hammer saw drill file wrench axe".split(),
    "colour": "red blue green black white pink".split(),
}
VERBS = {
    "animal": ["eats", "sleeps"],
    "fruit": ["ripens", "falls"],
    "tool": ["cuts", "breaks"],
    "colour": ["fades", "glows"],
}
NEGATIVES = 4
DIM = 12


def sentences(n):
    for _ in range(n):
        kind = random.choice(list(KINDS))
        yield [random.choice(KINDS[kind]), random.choice(VERBS[kind]), "the", random.choice(KINDS[kind])]


class SkipGram(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.centre = nn.Embedding(vocabulary, DIM)
        self.context = nn.Embedding(vocabulary, DIM)
        nn.init.uniform_(self.centre.weight, -0.5, 0.5)
        nn.init.uniform_(self.context.weight, -0.1, 0.1)

    def forward(self, centre, context):
        """Scores of pairs; centre [n], context [n, k] -> [n, k]."""
        return torch.einsum("nd,nkd->nk", self.centre(centre), self.context(context))


random.seed(101)
torch.manual_seed(101)
corpus = list(sentences(1200))
vocabulary = sorted({word for sentence in corpus for word in sentence})
index = {word: i for i, word in enumerate(vocabulary)}
pairs = []
for sentence in corpus:
    codes = [index[word] for word in sentence]
    for i, code in enumerate(codes):
        pairs += [(code, other) for j, other in enumerate(codes) if j != i and abs(i - j) <= 3]
pairs = torch.tensor(pairs)

model = SkipGram(len(vocabulary))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(3):
    total = 0.0
    for batch in pairs[torch.randperm(len(pairs))].split(256):
        centre, positive = batch[:, 0], batch[:, 1]
        negatives = torch.randint(0, len(vocabulary), (len(batch), NEGATIVES))
        score = model(centre, torch.cat([positive.unsqueeze(1), negatives], dim=1))
        loss = -(F.logsigmoid(score[:, 0]) + F.logsigmoid(-score[:, 1:]).sum(1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    print(f"epoch {epoch}: {total / len(pairs):.4f}")

with torch.no_grad():
    nouns = [(word, kind) for kind, words in KINDS.items() for word in words]
    vectors = F.normalize(model.centre.weight[[index[word] for word, _ in nouns]], dim=1)
    near = vectors @ vectors.T
    near.fill_diagonal_(-1)
    best = near.argmax(1).tolist()
same = sum(nouns[i][1] == nouns[j][1] for i, j in enumerate(best)) / len(nouns)
print(f"nearest word is of the same kind: {same:.3f}")
