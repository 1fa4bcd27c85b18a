"""Spoken times to digits, 'ten to four in the afternoon' to 15:50: encoder, attention, decoder, teacher forcing."""

import random

import torch
import torch.nn as nn
import torch.nn.functional as F

UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
UNITS += "seventeen eighteen nineteen twenty".split()
WORDS = ["<pad>", *UNITS[1:], "half", "past", "to", "morning", "afternoon"]
WORD_ID = {word: i for i, word in enumerate(WORDS)}
BOS = 10  # after the ten digits


def say(hour, minute):
    part = "morning" if hour < 12 else "afternoon"
    if minute > 30:
        spoken, side, minute = hour + 1, "to", 60 - minute
    else:
        spoken, side = hour, "past"
    words = ["half"] if minute == 30 else ["twenty"] if minute > 20 else [UNITS[minute]]
    if 20 < minute < 30:
        words.append(UNITS[minute - 20])
    return [*words, side, UNITS[(spoken - 1) % 12 + 1], part]


def example(hour, minute):
    source = [WORD_ID[word] for word in say(hour, minute)]
    source += [0] * (5 - len(source))
    return source, [BOS, *(int(c) for c in f"{hour:02d}{minute:02d}")]


class Seq2Seq(nn.Module):
    def __init__(self, dim=40):
        super().__init__()
        self.source = nn.Embedding(len(WORDS), dim, padding_idx=0)
        self.target = nn.Embedding(11, dim)
        self.encoder = nn.GRU(dim, dim, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * dim, dim)
        self.keys = nn.Linear(2 * dim, dim)
        self.cell = nn.GRUCell(dim + dim, dim)
        self.out = nn.Linear(2 * dim, 10)

    def encode(self, source):
        states, last = self.encoder(self.source(source))
        hidden = torch.tanh(self.bridge(torch.cat([last[0], last[1]], dim=1)))
        return self.keys(states), source == 0, hidden

    def decode_step(self, token, hidden, context, keys, padding):
        hidden = self.cell(torch.cat([self.target(token), context], dim=1), hidden)
        scores = torch.einsum("bd,bsd->bs", hidden, keys).masked_fill(padding, float("-inf"))
        context = torch.einsum("bs,bsd->bd", scores.softmax(dim=1), keys)
        return self.out(torch.cat([hidden, context], dim=1)), hidden, context

    def forward(self, source, target, teacher_forcing=1.0):
        keys, padding, hidden = self.encode(source)
        context = torch.zeros_like(hidden)
        token, outputs = target[:, 0], []
        for step in range(1, target.shape[1]):
            logits, hidden, context = self.decode_step(token, hidden, context, keys, padding)
            outputs.append(logits)
            forced = random.random() < teacher_forcing
            token = target[:, step] if forced else logits.argmax(1)
        return torch.stack(outputs, dim=1)


def exact_matches(model, source, target):
    model.eval()
    with torch.no_grad():
        logits = model(source, target, teacher_forcing=0.0)
    return (logits.argmax(-1) == target[:, 1:]).all(1).float().mean().item()


random.seed(10)
torch.manual_seed(10)
times = [(hour, minute) for hour in range(1, 23) for minute in range(1, 60)]
random.shuffle(times)
source, target = (torch.tensor(part) for part in zip(*(example(*time) for time in times), strict=True))
train_source, test_source = source[:1000], source[1000:]
train_target, test_target = target[:1000], target[1000:]

model = Seq2Seq()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
epochs = 8
for epoch in range(epochs):
    model.train()
    for rows in torch.randperm(len(train_source)).split(64):
        logits = model(train_source[rows], train_target[rows], teacher_forcing=1.0 - 0.5 * epoch / epochs)
        loss = F.cross_entropy(logits.reshape(-1, 10), train_target[rows, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    print(f"epoch {epoch}: last loss {loss.item():.3f}")
print(f"times written exactly right: {exact_matches(model, test_source, test_target):.3f}")
