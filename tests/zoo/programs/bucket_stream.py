"""Which of three made-up tongues is a name from? An endless stream, a shuffle buffer, buckets of like length."""

import itertools
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.data import DataLoader, IterableDataset

TONGUES = [
    ("ka ki ku ta to na no mi ri shi".split(), (2, 4)),
    ("bor grim thor kar dun ulf rik mor".split(), (1, 3)),
    ("ela lia ren tha mir iel ana ori".split(), (2, 3)),
]
LETTERS = {c: i + 1 for i, c in enumerate("abcdefghijklmnopqrstuvwxyz")}


def write_name(rng):
    tongue = rng.randrange(len(TONGUES))
    syllables, (least, most) = TONGUES[tongue]
    name = "".join(rng.choices(syllables, k=rng.randint(least, most)))
    typo = rng.randrange(len(name))
    if rng.random() < 0.5:
        name = name[:typo] + rng.choice("aeiou") + name[typo + 1 :]
    return name, tongue


class NameStream(IterableDataset):
    """Batches of names of like length: fill a buffer, sort it by length, deal the batches in a random order."""

    def __init__(self, batch_size, seed, without, buffer=480):
        self.batch_size, self.without, self.buffer = batch_size, without, buffer
        self.rng = random.Random(seed)

    def __iter__(self):
        while True:
            drawn = (write_name(self.rng) for _ in range(self.buffer))
            names = sorted((pair for pair in drawn if pair[0] not in self.without), key=lambda pair: len(pair[0]))
            batches = [names[i : i + self.batch_size] for i in range(0, len(names), self.batch_size)]
            self.rng.shuffle(batches)
            yield from map(to_tensors, batches)


def to_tensors(pairs):
    lengths = torch.tensor([len(name) for name, _ in pairs])
    letters = torch.zeros(len(pairs), int(lengths.max()), dtype=torch.long)
    for row, (name, _) in zip(letters, pairs, strict=True):
        row[: len(name)] = torch.tensor([LETTERS[c] for c in name])
    return letters, lengths, torch.tensor([tongue for _, tongue in pairs])


class NameReader(nn.Module):
    def __init__(self, letters=27, width=24, hidden=32):
        super().__init__()
        self.embed = nn.Embedding(letters, width, padding_idx=0)
        self.rnn = nn.LSTM(width, hidden, batch_first=True)
        self.classify = nn.Linear(hidden, len(TONGUES))

    def forward(self, letters, lengths):
        packed = pack_padded_sequence(self.embed(letters), lengths, batch_first=True, enforce_sorted=False)
        _, (hidden, _) = self.rnn(packed)
        return self.classify(hidden[-1])


def test(reader, batches):
    reader.eval()
    right = total = 0
    with torch.no_grad():
        for letters, lengths, tongues in batches:
            right += (reader(letters, lengths).argmax(1) == tongues).sum().item()
            total += len(tongues)
    return right / total


def main():
    torch.manual_seed(100)
    test_rng = random.Random(101)
    test_pairs = list(dict(write_name(test_rng) for _ in range(330)).items())
    test_batches = [to_tensors(test_pairs[i : i + 100]) for i in range(0, len(test_pairs), 100)]
    test_names = {name for name, _ in test_pairs}
    stream = DataLoader(NameStream(batch_size=40, seed=102, without=test_names), batch_size=None)
    reader = NameReader()
    optimizer = torch.optim.Adam(reader.parameters(), lr=1e-2)
    loss_fn = nn.CrossEntropyLoss()
    reader.train()
    for letters, lengths, tongues in itertools.islice(stream, 90):
        optimizer.zero_grad()
        loss = loss_fn(reader(letters, lengths), tongues)
        loss.backward()
        nn.utils.clip_grad_value_(reader.parameters(), 0.5)
        optimizer.step()
    print(f"{len(test_names)} names: accuracy {test(reader, test_batches):.3f}")


if __name__ == "__main__":
    main()
