"""A character model of made-up words: learn to say the next letter, then write a few."""

import math
import random

import torch
from torch import nn
from torch.nn import functional as F

ONSETS, VOWELS, CODAS = ["b", "k", "tr", "st", "m"], ["a", "e", "o"], ["", "n", "l"]
END = "."
LETTERS = sorted(set("".join(ONSETS + VOWELS + CODAS) + END))
INDEX = {letter: i for i, letter in enumerate(LETTERS)}


def word(rng):
    return "".join(rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(rng.randint(1, 3))) + END


def text(n, seed):
    rng = random.Random(seed)
    return torch.tensor([INDEX[letter] for _ in range(n) for letter in word(rng)])


def batches(stream, length, size):
    """Random cuts of the text; the targets are the letters one further."""
    starts = torch.randint(0, len(stream) - length - 1, (size,))
    inputs = torch.stack([stream[s : s + length] for s in starts])
    targets = torch.stack([stream[s + 1 : s + length + 1] for s in starts])
    return inputs, targets


class CharModel(nn.Module):
    def __init__(self, letters, width=40):
        super().__init__()
        self.embedding = nn.Embedding(letters, 16)
        self.rnn = nn.GRU(16, width, batch_first=True)
        self.decoder = nn.Linear(width, letters)

    def forward(self, tokens, state=None):
        h, state = self.rnn(self.embedding(tokens), state)
        return self.decoder(h), state


torch.manual_seed(0)
train_text, valid_text = text(1500, 0), text(300, 1)
model = CharModel(len(LETTERS))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)

for step in range(110):
    inputs, targets = batches(train_text, 24, 24)
    logits, _ = model(inputs)
    loss = F.cross_entropy(logits.reshape(-1, len(LETTERS)), targets.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()

model.eval()
with torch.no_grad():
    token, state, written = torch.tensor([[INDEX[END]]]), None, ""
    for _ in range(30):
        logits, state = model(token, state)
        token = torch.multinomial(logits[:, -1].softmax(-1), 1)
        written += LETTERS[token.item()]
    logits, _ = model(valid_text[None, :-1])
    valid_loss = F.cross_entropy(logits[0], valid_text[1:]).item()
print("sample:", written)
print(f"valid loss {valid_loss:.3f}, perplexity {math.exp(valid_loss):.3f}")
