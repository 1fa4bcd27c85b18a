"""Arabic to Roman numerals: an encoder, a decoder, teacher forcing, padded batches."""

import random

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

PAD, SOS, EOS = 0, 1, 2
SOURCE = {c: i + 3 for i, c in enumerate("0123456789")}
TARGET = {c: i + 3 for i, c in enumerate("IVXLC")}
VALUES = [(100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]


def roman(n):
    out = ""
    for value, sign in VALUES:
        while n >= value:
            out, n = out + sign, n - value
    return out


def encode(n):
    source = torch.tensor([SOURCE[c] for c in str(n)] + [EOS])
    target = torch.tensor([SOS] + [TARGET[c] for c in roman(n)] + [EOS])
    return source, target


def collate(batch):
    sources, targets = zip(*batch, strict=True)
    return (
        pad_sequence(sources, batch_first=True, padding_value=PAD),
        pad_sequence(targets, batch_first=True, padding_value=PAD),
    )


class Encoder(nn.Module):
    def __init__(self, vocabulary, hidden):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden, padding_idx=PAD)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)

    def forward(self, source):
        lengths = (source != PAD).sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(source), lengths, batch_first=True, enforce_sorted=False
        )
        _, hidden = self.gru(packed)
        return hidden


class Decoder(nn.Module):
    def __init__(self, vocabulary, hidden):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden, padding_idx=PAD)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)
        self.out = nn.Linear(hidden, vocabulary)

    def forward(self, tokens, hidden):
        output, hidden = self.gru(self.embedding(tokens), hidden)
        return self.out(output), hidden


def evaluate(encoder, decoder, pairs):
    encoder.eval()
    decoder.eval()
    right = 0
    with torch.no_grad():
        for source, target in pairs:
            hidden = encoder(source.unsqueeze(0))
            token, said = torch.tensor([[SOS]]), []
            for _ in range(12):
                logits, hidden = decoder(token, hidden)
                token = logits.argmax(-1)
                said.append(token.item())
                if said[-1] == EOS:
                    break
            right += said == target[1:].tolist()
    return right / len(pairs)


random.seed(4)
torch.manual_seed(4)
pairs = [encode(n) for n in range(1, 200)]
random.shuffle(pairs)
test_pairs, train_pairs = pairs[:30], pairs[30:]
loader = DataLoader(train_pairs, batch_size=32, shuffle=True, collate_fn=collate)

encoder, decoder = Encoder(13, 48), Decoder(8, 48)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-2)
criterion = nn.CrossEntropyLoss(ignore_index=PAD)

for epoch in range(1, 26):
    encoder.train()
    decoder.train()
    total = 0.0
    for source, target in loader:
        optimizer.zero_grad()
        hidden = encoder(source)
        logits, _ = decoder(target[:, :-1], hidden)
        loss = criterion(logits.flatten(0, 1), target[:, 1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_([*encoder.parameters(), *decoder.parameters()], 1.0)
        optimizer.step()
        total += loss.item()
    if epoch % 5 == 0:
        print(f"{epoch:3d} {total / len(loader):.4f}")
print(f"words exactly right on numbers not seen: {evaluate(encoder, decoder, test_pairs):.3f}")
