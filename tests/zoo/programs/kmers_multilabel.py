"""Which binding motifs does a stretch of DNA hold? Multi-label: none, one or several of four."""

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import f1_score
from torch.utils.data import DataLoader, Dataset

BASES = "ACGT"
MOTIFS = ["TATAAA", "GGGCGG", "CACGTG", "TGACTCA"]
LENGTH = 60


def random_sequences(n, rng):
    sequences, labels = [], np.zeros((n, len(MOTIFS)), dtype=np.int64)
    for i in range(n):
        sequence = list(rng.choice(list(BASES), LENGTH))
        slots = rng.permutation(LENGTH // 10)
        for j, motif in enumerate(MOTIFS):
            if rng.random() < 0.35:
                start = slots[j] * 10 + rng.integers(0, 3)
                sequence[start : start + len(motif)] = motif
        text = "".join(sequence)
        labels[i] = [motif in text for motif in MOTIFS]
        sequences.append(text)
    return sequences, labels


class DNADataset(Dataset):
    def __init__(self, sequences, labels):
        self.sequences = sequences
        self.labels = labels

    def __len__(self):
        return len(self.sequences)

    def __getitem__(self, idx):
        codes = torch.tensor([BASES.index(base) for base in self.sequences[idx]])
        onehot = nn.functional.one_hot(codes, num_classes=4).float()
        return onehot.T, torch.tensor(self.labels[idx]).float()


class MotifScanner(nn.Module):
    """A row of filters, the best match anywhere, and a small head."""

    def __init__(self, n_filters=32, n_labels=4):
        super().__init__()
        self.scan = nn.Conv1d(4, n_filters, kernel_size=8, padding=4)
        self.act = nn.ReLU()
        self.pool = nn.AdaptiveMaxPool1d(1)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(n_filters, n_labels)

    def forward(self, x):
        found = self.pool(self.act(self.scan(x))).squeeze(-1)
        return self.head(self.dropout(found))


def train_one_epoch(model, loader, criterion, optimizer):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
    return total / len(loader.dataset)


@torch.no_grad()
def predict(model, loader):
    model.eval()
    probs = [torch.sigmoid(model(x)) for x, _ in loader]
    return torch.cat(probs).numpy()


def main():
    torch.manual_seed(77)
    rng = np.random.default_rng(77)
    sequences, labels = random_sequences(1000, rng)
    n_train = 800
    train_ds = DNADataset(sequences[:n_train], labels[:n_train])
    test_ds = DNADataset(sequences[n_train:], labels[n_train:])
    train_dl = DataLoader(train_ds, batch_size=25, shuffle=True)
    test_dl = DataLoader(test_ds, batch_size=100)

    model = MotifScanner(n_labels=labels.shape[1])
    negatives, positives = (1 - labels[:n_train]).sum(0), labels[:n_train].sum(0)
    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(negatives / positives, dtype=torch.float32))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=6e-3)
    for epoch in range(12):
        mean_loss = train_one_epoch(model, train_dl, criterion, optimizer)
        if epoch % 3 == 2:
            print(f"epoch {epoch + 1:2d} loss {mean_loss:.4f}")
    decided = predict(model, test_dl) > 0.5
    score = f1_score(labels[n_train:], decided, average="macro")
    print(f"macro F1: {score:.3f}")


if __name__ == "__main__":
    main()
