"""Which digit occurs most often in a message? Messages are of different lengths: padded, packed and read by an LSTM."""

import random

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

PAD = 0


class Messages(Dataset):
    def __init__(self, n, seed):
        rng = random.Random(seed)
        self.items = []
        for _ in range(n):
            winner = rng.randint(1, 4)
            length = rng.randint(8, 14)
            text = [winner if rng.random() < 0.55 else rng.randint(1, 4) for _ in range(length)]
            counts = [text.count(symbol) for symbol in range(1, 5)]
            if counts.count(max(counts)) == 1:
                self.items.append((torch.tensor(text), counts.index(max(counts))))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


def collate(batch):
    texts, labels = zip(*batch, strict=True)
    lengths = torch.tensor([len(text) for text in texts])
    return pad_sequence(texts, batch_first=True, padding_value=PAD), lengths, torch.tensor(labels)


class Reader(nn.Module):
    def __init__(self, vocabulary=5, embedding=12, hidden=24, classes=4):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(hidden, classes)

    def forward(self, tokens, lengths):
        packed = pack_padded_sequence(self.embed(tokens), lengths, batch_first=True, enforce_sorted=False)
        _, (last, _) = self.lstm(packed)
        return self.head(self.drop(last[-1]))


def evaluate(model, loader):
    model.eval()
    right = total = 0
    with torch.no_grad():
        for tokens, lengths, labels in loader:
            right += (model(tokens, lengths).argmax(1) == labels).sum().item()
            total += labels.numel()
    model.train()
    return right / total


torch.manual_seed(9)
train_loader = DataLoader(Messages(900, 0), batch_size=32, shuffle=True, collate_fn=collate)
valid_loader = DataLoader(Messages(300, 1), batch_size=64, collate_fn=collate)
model = Reader()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(4):
    for tokens, lengths, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(tokens, lengths), labels)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: valid accuracy {evaluate(model, valid_loader):.3f}")
