"""Sequences as people train them: characters, documents, tags, series and numerals; right ways to write a line, and wrong ones."""

from zoo.plain import Patch

CHARS = r"""# Character-level language model, after char-rnn: streams of text, the hidden state is carried over
import math

import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes, load_iris, load_wine

torch.manual_seed(1337)
text = "\n".join(load().DESCR for load in (load_iris, load_wine, load_diabetes))
chars = sorted(set(text))
vocab_size = len(chars)
stoi = {c: i for i, c in enumerate(chars)}
itos = {i: c for c, i in stoi.items()}
data = torch.tensor([stoi[c] for c in text], dtype=torch.long)
n = int(0.9 * len(data))
train_data, val_data = data[:n], data[n:]
batch_size, seq_len = 16, 32


def batchify(source):
    steps = len(source) // batch_size
    return source[: steps * batch_size].view(batch_size, steps)


def get_batch(streams, i):
    length = min(seq_len, streams.size(1) - 1 - i)
    x = streams[:, i : i + length]
    y = streams[:, i + 1 : i + 1 + length]
    return x, y


class CharRNN(nn.Module):
    def __init__(self, vocab_size, embed=32, hidden=64):
        super().__init__()
        self.hidden = hidden
        self.embedding = nn.Embedding(vocab_size, embed)
        self.gru = nn.GRU(embed, hidden, batch_first=True)
        self.dropout = nn.Dropout(0.1)
        self.fc = nn.Linear(hidden, vocab_size)

    def forward(self, x, h):
        e = self.embedding(x)
        out, h = self.gru(e, h)
        return self.fc(self.dropout(out)), h

    def init_hidden(self, n):
        return torch.zeros(1, n, self.hidden)


train_streams, val_streams = batchify(train_data), batchify(val_data)
model = CharRNN(vocab_size)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
criterion = nn.CrossEntropyLoss()


@torch.no_grad()
def evaluate():
    model.eval()
    h = model.init_hidden(batch_size)
    total, count = 0.0, 0
    for i in range(0, val_streams.size(1) - 1, seq_len):
        x, y = get_batch(val_streams, i)
        logits, h = model(x, h)
        loss = criterion(logits.reshape(-1, vocab_size), y.reshape(-1))
        total += loss.item() * y.numel()
        count += y.numel()
    return total / count


for epoch in range(4):
    model.train()
    h = model.init_hidden(batch_size)
    for i in range(0, train_streams.size(1) - 1, seq_len):
        x, y = get_batch(train_streams, i)
        h = h.detach()
        optimizer.zero_grad()
        logits, h = model(x, h)
        loss = criterion(logits.reshape(-1, vocab_size), y.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
    val_loss = evaluate()
    print(f"epoch {epoch + 1} | train loss {loss.item():.3f} | val loss {val_loss:.3f} | ppl {math.exp(val_loss):.2f}")

model.eval()
x, h, out = torch.tensor([[stoi["T"]]]), model.init_hidden(1), "T"
with torch.no_grad():
    for _ in range(40):
        logits, h = model(x, h)
        p = torch.softmax(logits[0, -1] / 0.8, dim=-1)
        x = torch.multinomial(p, 1).view(1, 1)
        out += itos[x.item()]
print(repr(out))
"""

ENCODER = r'''import copy
import math
import random
from dataclasses import dataclass

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset


@dataclass
class Config:
    vocab: int = 80
    classes: int = 4
    d_model: int = 32
    heads: int = 4
    layers: int = 2
    dropout: float = 0.1
    batch_size: int = 32
    lr: float = 2e-3
    warmup: int = 20
    epochs: int = 6
    clip: float = 1.0
    patience: int = 2
    pad: int = 0


def make_documents(cfg, n):
    """A document is words of its topic among words that all topics share."""
    topics = torch.rand(cfg.classes, cfg.vocab) ** 4
    topics[:, 0] = 0
    documents = []
    for _ in range(n):
        label = random.randrange(cfg.classes)
        length = random.randint(6, 20)
        documents.append((torch.multinomial(topics[label], length, replacement=True), label))
    return documents


class TextDataset(Dataset):
    def __init__(self, documents):
        self.documents = documents

    def __len__(self):
        return len(self.documents)

    def __getitem__(self, idx):
        tokens, label = self.documents[idx]
        return tokens, label


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=64):
        super().__init__()
        position = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, d_model)
        pe[:, 0::2] = torch.sin(position * div)
        pe[:, 1::2] = torch.cos(position * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(1)]


class Classifier(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.embed = nn.Embedding(cfg.vocab, cfg.d_model, padding_idx=cfg.pad)
        self.pos = PositionalEncoding(cfg.d_model)
        self.drop = nn.Dropout(cfg.dropout)
        layer = nn.TransformerEncoderLayer(cfg.d_model, cfg.heads, 64, cfg.dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, cfg.layers, enable_nested_tensor=False)
        self.head = nn.Linear(cfg.d_model, cfg.classes)

    def forward(self, tokens):
        mask = tokens == self.cfg.pad
        x = self.drop(self.pos(self.embed(tokens) * math.sqrt(self.cfg.d_model)))
        x = self.encoder(x, src_key_padding_mask=mask)
        keep = (~mask).unsqueeze(-1).float()
        pooled = (x * keep).sum(1) / keep.sum(1)
        return self.head(pooled)


def collate(batch):
    tokens, labels = zip(*batch)
    return pad_sequence(tokens, batch_first=True, padding_value=0), torch.tensor(labels)


class Trainer:
    def __init__(self, cfg, model, train_loader, val_loader):
        self.cfg, self.model = cfg, model
        self.train_loader, self.val_loader = train_loader, val_loader
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=0.01)
        total = cfg.epochs * len(train_loader)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer,
            lambda s: min(1.0, (s + 1) / cfg.warmup) * max(0.0, 1 - s / total),
        )
        self.best_acc, self.best_state, self.bad_epochs = 0.0, None, 0

    def train_epoch(self):
        self.model.train()
        running = 0.0
        for tokens, labels in self.train_loader:
            self.optimizer.zero_grad()
            logits = self.model(tokens)
            loss = self.criterion(logits, labels)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), self.cfg.clip)
            self.optimizer.step()
            self.scheduler.step()
            running += loss.item() * len(labels)
        return running / len(self.train_loader.dataset)

    @torch.no_grad()
    def evaluate(self, loader):
        self.model.eval()
        correct, total = 0, 0
        for tokens, labels in loader:
            preds = self.model(tokens).argmax(dim=1)
            correct += (preds == labels).sum().item()
            total += labels.size(0)
        return correct / total

    def fit(self):
        for epoch in range(self.cfg.epochs):
            train_loss = self.train_epoch()
            val_acc = self.evaluate(self.val_loader)
            print(f"epoch {epoch}: train_loss={train_loss:.4f} val_acc={val_acc:.4f}")
            if val_acc > self.best_acc:
                self.best_acc, self.bad_epochs = val_acc, 0
                self.best_state = copy.deepcopy(self.model.state_dict())
            else:
                self.bad_epochs += 1
                if self.bad_epochs > self.cfg.patience:
                    break
        self.model.load_state_dict(self.best_state)


if __name__ == "__main__":
    torch.manual_seed(0)
    random.seed(0)
    cfg = Config()
    documents = make_documents(cfg, 900)
    train_set, val_set, test_set = documents[:600], documents[600:750], documents[750:]
    train_loader = DataLoader(TextDataset(train_set), batch_size=cfg.batch_size, shuffle=True, collate_fn=collate)
    val_loader = DataLoader(TextDataset(val_set), batch_size=64, collate_fn=collate)
    test_loader = DataLoader(TextDataset(test_set), batch_size=64, collate_fn=collate)
    model = Classifier(cfg)
    trainer = Trainer(cfg, model, train_loader, val_loader)
    trainer.fit()
    print(f"test_acc={trainer.evaluate(test_loader):.4f}")
'''

TAGGER = r"""# Part-of-speech tagging with a bidirectional LSTM (homework 3)
import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

random.seed(0)
torch.manual_seed(0)
PAD, UNK = 0, 1
IGNORE = -100
TAGS = ["DET", "ADJ", "NOUN", "VERB", "ADV"]
LEXICON = {
    "DET": ["the", "a", "this", "every"],
    "ADJ": ["big", "red", "old", "light", "cold", "round"],
    "NOUN": ["dog", "light", "run", "house", "walk", "round", "cat", "paper"],
    "VERB": ["run", "walk", "light", "sees", "paper", "sleeps", "round"],
    "ADV": ["quickly", "often", "here", "cold"],
}
NEXT = {
    "DET": ["ADJ", "NOUN", "NOUN"],
    "ADJ": ["ADJ", "NOUN", "NOUN"],
    "NOUN": ["VERB", "VERB", "ADV"],
    "VERB": ["DET", "DET", "ADV"],
    "ADV": ["DET", "VERB"],
}


def sentence():
    tag, words, tags = "DET", [], []
    for _ in range(random.randint(4, 14)):
        words.append(random.choice(LEXICON[tag]))
        tags.append(tag)
        tag = random.choice(NEXT[tag])
    return words, tags


corpus = [sentence() for _ in range(700)]
train, dev = corpus[:560], corpus[560:]
vocab = {"<pad>": PAD, "<unk>": UNK}
for words, _ in train:
    for word in words:
        vocab.setdefault(word, len(vocab))
tag2id = {tag: i for i, tag in enumerate(TAGS)}


def numericalize(pairs):
    return [
        (torch.tensor([vocab.get(w, UNK) for w in words]), torch.tensor([tag2id[t] for t in tags]))
        for words, tags in pairs
    ]


def batches(pairs, size, shuffle):
    order = list(range(len(pairs)))
    if shuffle:
        random.shuffle(order)
    for start in range(0, len(order), size):
        chunk = [pairs[i] for i in order[start : start + size]]
        lengths = torch.tensor([len(w) for w, _ in chunk])
        words = pad_sequence([w for w, _ in chunk], batch_first=True, padding_value=PAD)
        tags = pad_sequence([t for _, t in chunk], batch_first=True, padding_value=IGNORE)
        yield words, lengths, tags


class BiLSTMTagger(nn.Module):
    def __init__(self, vocab_size, n_tags, emb=32, hidden=32):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, emb, padding_idx=PAD)
        self.lstm = nn.LSTM(emb, hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(0.2)
        self.hidden2tag = nn.Linear(2 * hidden, n_tags)

    def forward(self, words, lengths):
        emb = self.dropout(self.embedding(words))
        packed = pack_padded_sequence(emb, lengths, batch_first=True, enforce_sorted=False)
        out, _ = self.lstm(packed)
        out, _ = pad_packed_sequence(out, batch_first=True)
        return self.hidden2tag(self.dropout(out))


model = BiLSTMTagger(len(vocab), len(TAGS))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
train_ids, dev_ids = numericalize(train), numericalize(dev)
ACCUMULATE = 2
for epoch in range(5):
    model.train()
    epoch_loss, steps = 0.0, 0
    optimizer.zero_grad()
    for step, (words, lengths, tags) in enumerate(batches(train_ids, 20, shuffle=True)):
        scores = model(words, lengths)
        loss = F.cross_entropy(scores.view(-1, len(TAGS)), tags.view(-1), ignore_index=IGNORE)
        (loss / ACCUMULATE).backward()
        if (step + 1) % ACCUMULATE == 0:
            optimizer.step()
            optimizer.zero_grad()
        epoch_loss += loss.item()
        steps += 1
    model.eval()
    correct = total = 0
    with torch.no_grad():
        for words, lengths, tags in batches(dev_ids, 64, shuffle=False):
            pred = model(words, lengths).argmax(-1)
            mask = tags != IGNORE
            correct += (pred[mask] == tags[mask]).sum().item()
            total += mask.sum().item()
    print(f"Epoch {epoch}: loss {epoch_loss / steps:.3f}, dev token accuracy {correct / total:.3f}")
"""

FORECAST = r"""import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = 42
np.random.seed(SEED)
torch.manual_seed(SEED)

# hourly demand: a daily and a weekly course, a slow drift, noise that remembers
hours = np.arange(24 * 7 * 10)
noise = np.zeros(len(hours))
for t in range(1, len(hours)):
    noise[t] = 0.8 * noise[t - 1] + np.random.randn() * 4
temperature = 12 + 8 * np.sin(2 * np.pi * hours / 24 - 2) + np.random.randn(len(hours))
demand = 300 + 60 * np.sin(2 * np.pi * hours / 24) + 25 * np.sin(2 * np.pi * hours / 168) + 1.5 * temperature + noise
series = np.stack([demand, temperature], axis=1).astype(np.float32)

WINDOW, HORIZON = 24, 1
train_end, val_end = int(len(series) * 0.7), int(len(series) * 0.85)
mean, std = series[:train_end].mean(axis=0), series[:train_end].std(axis=0)
scaled = (series - mean) / std


class WindowDataset(Dataset):
    def __init__(self, values):
        self.values = torch.from_numpy(values)

    def __len__(self):
        return len(self.values) - WINDOW - HORIZON + 1

    def __getitem__(self, i):
        x = self.values[i : i + WINDOW]
        y = self.values[i + WINDOW + HORIZON - 1, 0]
        return x, y


train_ds = WindowDataset(scaled[:train_end])
val_ds = WindowDataset(scaled[train_end:val_end])
test_ds = WindowDataset(scaled[val_end:])
train_loader = DataLoader(train_ds, batch_size=64, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=128)
test_loader = DataLoader(test_ds, batch_size=128)


class Forecaster(nn.Module):
    def __init__(self, n_features=2, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(n_features, hidden, batch_first=True)
        self.head = nn.Sequential(nn.Linear(hidden, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.head(out[:, -1]).squeeze(-1)


class EarlyStopping:
    def __init__(self, patience=3):
        self.patience, self.best, self.count, self.state = patience, float("inf"), 0, None

    def __call__(self, value, model):
        if value < self.best:
            self.best, self.count = value, 0
            self.state = {k: v.clone() for k, v in model.state_dict().items()}
        else:
            self.count += 1
        return self.count >= self.patience


def run_epoch(model, loader, loss_fn, optimizer):
    model.train()
    losses = []
    for x, y in loader:
        pred = model(x)
        loss = loss_fn(pred, y)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return float(np.mean(losses))


def validate(model, loader):
    model.eval()
    preds, targets = [], []
    with torch.no_grad():
        for x, y in loader:
            preds.append(model(x))
            targets.append(y)
    preds = torch.cat(preds).numpy() * std[0] + mean[0]
    targets = torch.cat(targets).numpy() * std[0] + mean[0]
    mae = np.abs(preds - targets).mean()
    rmse = np.sqrt(((preds - targets) ** 2).mean())
    return mae, rmse


model = Forecaster()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2)
stopper = EarlyStopping()
for epoch in range(1, 11):
    train_loss = run_epoch(model, train_loader, loss_fn, optimizer)
    mae, rmse = validate(model, val_loader)
    scheduler.step(rmse)
    print(f"Epoch {epoch:02d} train_loss {train_loss:.4f} val_mae {mae:.2f} val_rmse {rmse:.2f}")
    if stopper(rmse, model):
        break
model.load_state_dict(stopper.state)
mae, rmse = validate(model, test_loader)
print(f"Test MAE {mae:.2f} RMSE {rmse:.2f}")
"""

NUMERALS = r'''"""Sequence to sequence: numbers in words to digits, a GRU encoder-decoder with attention and teacher forcing."""
import random

import torch
from torch import nn, optim

torch.manual_seed(3)
random.seed(3)
ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()


def in_words(n):
    if n < 20:
        return [ONES[n]]
    if n < 100:
        return [TENS[n // 10]] + ([ONES[n % 10]] if n % 10 else [])
    return [ONES[n // 100], "hundred"] + (["and"] + in_words(n % 100) if n % 100 else [])


PAD, SOS, EOS = 0, 1, 2
src_vocab = {w: i + 1 for i, w in enumerate(ONES + TENS[2:] + ["hundred", "and"])}
tgt_vocab = {str(d): d + 3 for d in range(10)}
numbers = list(range(1000))
random.shuffle(numbers)
train_numbers, test_numbers = numbers[:850], numbers[850:]


def tensors(ns):
    src = [[src_vocab[w] for w in in_words(n)] for n in ns]
    tgt = [[SOS] + [tgt_vocab[c] for c in str(n)] + [EOS] for n in ns]
    S, T = max(map(len, src)), max(map(len, tgt))
    src = torch.tensor([s + [PAD] * (S - len(s)) for s in src])
    tgt = torch.tensor([t + [PAD] * (T - len(t)) for t in tgt])
    return src, tgt


class Encoder(nn.Module):
    def __init__(self, vocab, hidden):
        super().__init__()
        self.embedding = nn.Embedding(vocab, hidden, padding_idx=PAD)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)

    def forward(self, src):
        return self.gru(self.embedding(src))


class Decoder(nn.Module):
    def __init__(self, vocab, hidden):
        super().__init__()
        self.embedding = nn.Embedding(vocab, hidden, padding_idx=PAD)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)
        self.out = nn.Linear(2 * hidden, vocab)

    def forward(self, tgt, hidden, memory, src_mask):
        out, hidden = self.gru(self.embedding(tgt), hidden)
        scores = out @ memory.transpose(1, 2)
        scores = scores.masked_fill(src_mask.unsqueeze(1), -1e9)
        context = torch.softmax(scores, dim=-1) @ memory
        return self.out(torch.cat([out, context], dim=-1)), hidden


encoder, decoder = Encoder(len(src_vocab) + 1, 48), Decoder(13, 48)
params = list(encoder.parameters()) + list(decoder.parameters())
opt = optim.Adam(params, lr=4e-3)
criterion = nn.CrossEntropyLoss(ignore_index=PAD)


@torch.no_grad()
def exact_match(ns):
    encoder.eval()
    decoder.eval()
    src, tgt = tensors(ns)
    memory, hidden = encoder(src)
    token = torch.full((len(ns), 1), SOS)
    outputs = []
    for _ in range(tgt.size(1) - 1):
        logits, hidden = decoder(token, hidden, memory, src == PAD)
        token = logits[:, -1:].argmax(-1)
        outputs.append(token)
    outputs, gold = torch.cat(outputs, 1), tgt[:, 1:]
    right = (outputs == gold) | (gold == PAD)
    return right.all(1).float().mean().item()


for epoch in range(14):
    encoder.train()
    decoder.train()
    random.shuffle(train_numbers)
    total = 0.0
    for k in range(0, len(train_numbers), 50):
        src, tgt = tensors(train_numbers[k : k + 50])
        memory, hidden = encoder(src)
        logits, _ = decoder(tgt[:, :-1], hidden, memory, src == PAD)
        loss = criterion(logits.reshape(-1, 13), tgt[:, 1:].reshape(-1))
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(params, 1.0)
        opt.step()
        total += loss.item()
    if epoch % 3 == 1:
        print(f"{epoch}: loss {total / 17:.3f} exact match {exact_match(test_numbers):.3f}")
'''

RIGHT: list[tuple[str, Patch]] = [
    (CHARS, ()),
    (CHARS, (("h = h.detach()", "h = h.data"),)),
    (
        CHARS,
        (
            (
                "criterion(logits.reshape(-1, vocab_size), y.reshape(-1))",
                "criterion(logits.transpose(1, 2), y)",
            ),
        ),
    ),
    (
        CHARS,
        (
            ("self.gru = nn.GRU(", "self.gru = nn.LSTM("),
            ("return torch.zeros(1, n, self.hidden)", "return tuple(torch.zeros(1, n, self.hidden) for _ in range(2))"),
            ("h = h.detach()", "h = tuple(state.detach() for state in h)"),
        ),
    ),
    (
        CHARS,
        (
            (
                "        x, y = get_batch(train_streams, i)\n        h = h.detach()\n",
                "        ix = torch.randint(len(train_data) - seq_len, (batch_size,))\n"
                "        x = torch.stack([train_data[j : j + seq_len] for j in ix])\n"
                "        y = torch.stack([train_data[j + 1 : j + seq_len + 1] for j in ix])\n"
                "        h = model.init_hidden(batch_size)\n",
            ),
        ),
    ),
    (
        CHARS,
        (
            ("embed=32", "embed=64"),
            (
                "self.fc = nn.Linear(hidden, vocab_size)",
                "self.fc = nn.Linear(hidden, vocab_size, bias=False)\n        nn.init.normal_(self.embedding.weight, std=0.1)\n        self.fc.weight = self.embedding.weight",
            ),
        ),
    ),
    (
        CHARS,
        (
            ("self.gru = nn.GRU(embed, hidden, batch_first=True)", "self.cell = nn.GRUCell(embed, hidden)"),
            (
                "        out, h = self.gru(e, h)\n",
                "        h, outs = h[0], []\n        for t in range(x.size(1)):\n            h = self.cell(e[:, t], h)\n            outs.append(h)\n        out, h = torch.stack(outs, dim=1), h.unsqueeze(0)\n",
            ),
        ),
    ),
    (
        CHARS,
        (
            (
                "loss = criterion(logits.reshape(-1, vocab_size), y.reshape(-1))",
                "loss = -torch.log_softmax(logits, dim=-1).gather(-1, y.unsqueeze(-1)).mean()",
            ),
        ),
    ),
    (  # as in PyTorch's own word_language_model example: a huge rate by hand, behind a small clip
        CHARS,
        (
            ("optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)", "lr, best_val = 10.0, None"),
            ("        optimizer.zero_grad()\n", "        model.zero_grad()\n"),
            (
                "model.parameters(), 5.0)\n        optimizer.step()",
                "model.parameters(), 0.25)\n        for p in model.parameters():\n            p.data.add_(p.grad, alpha=-lr)",
            ),
            (
                "    val_loss = evaluate()\n",
                "    val_loss = evaluate()\n    if not best_val or val_loss < best_val:\n        best_val = val_loss\n    else:\n        lr /= 4.0\n",
            ),
        ),
    ),
    (
        CHARS,
        (
            ("e = self.embedding(x)", "e = nn.functional.one_hot(x, vocab_size).float()"),
            ("        self.embedding = nn.Embedding(vocab_size, embed)\n", ""),
            ("nn.GRU(embed, hidden", "nn.GRU(vocab_size, hidden"),
        ),
    ),
    (CHARS, (("ppl {math.exp(val_loss):.2f}", "bits per char {val_loss / math.log(2):.3f}"),)),
    (
        CHARS,
        (
            (
                "    x = streams[:, i : i + length]\n    y = streams[:, i + 1 : i + 1 + length]\n",
                "    x = streams[:, i : i + length].t()\n    y = streams[:, i + 1 : i + 1 + length].t()\n",
            ),
            ("nn.GRU(embed, hidden, batch_first=True)", "nn.GRU(embed, hidden)"),
            ("logits[0, -1]", "logits[-1, 0]"),
        ),
    ),
    (  # a small causal transformer in place of the recurrent one; the state is handed through
        CHARS,
        (
            (
                "        self.gru = nn.GRU(embed, hidden, batch_first=True)\n",
                "        self.positions = nn.Embedding(seq_len, embed)\n"
                "        layer = nn.TransformerEncoderLayer(embed, 4, 2 * hidden, 0.1, batch_first=True, norm_first=True)\n"
                "        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)\n"
                "        self.grow = nn.Linear(embed, hidden)\n",
            ),
            (
                "        out, h = self.gru(e, h)\n",
                "        t = x.size(1)\n"
                "        mask = torch.triu(torch.full((t, t), float('-inf')), diagonal=1)\n"
                "        out = self.blocks(e + self.positions(torch.arange(t)), mask=mask)\n"
                "        out = torch.relu(self.grow(out))\n",
            ),
            ("lr=1e-2", "lr=2e-3"),
        ),
    ),
    (
        CHARS,
        (
            (
                "        loss = criterion(logits.reshape(-1, vocab_size), y.reshape(-1))\n        loss.backward()",
                "        loss = 0\n        for t in range(y.size(1)):\n            loss = loss + criterion(logits[:, t], y[:, t])\n        loss = loss / y.size(1)\n        loss.backward()",
            ),
        ),
    ),
    (
        CHARS,
        (
            (
                "criterion = nn",
                "scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.7)\ncriterion = nn",
            ),
            ("    val_loss = evaluate()\n", "    scheduler.step()\n    val_loss = evaluate()\n"),
        ),
    ),
    (ENCODER, ()),
    (
        ENCODER,
        (
            ("self.pos = Pos", "self.cls = nn.Parameter(torch.zeros(1, 1, cfg.d_model))\n        self.pos = Pos"),
            (
                "x = self.drop(self.pos(self.embed(tokens) * math.sqrt(self.cfg.d_model)))",
                "x = self.embed(tokens) * math.sqrt(self.cfg.d_model)\n        x = torch.cat([self.cls.expand(len(x), -1, -1), x], dim=1)\n        x = self.drop(self.pos(x))\n        mask = torch.cat([torch.zeros_like(mask[:, :1]), mask], dim=1)",
            ),
            (
                "        keep = (~mask).unsqueeze(-1).float()\n        pooled = (x * keep).sum(1) / keep.sum(1)\n",
                "        pooled = x[:, 0]\n",
            ),
        ),
    ),
    (
        ENCODER,
        (
            (
                "        keep = (~mask).unsqueeze(-1).float()\n        pooled = (x * keep).sum(1) / keep.sum(1)\n",
                "        pooled = x.masked_fill(mask.unsqueeze(-1), float('-inf')).max(dim=1).values\n",
            ),
        ),
    ),
    (
        ENCODER,
        (
            ("self.pos = PositionalEncoding(cfg.d_model)", "self.pos = nn.Embedding(64, cfg.d_model)"),
            (
                "self.pos(self.embed(tokens) * math.sqrt(self.cfg.d_model))",
                "self.embed(tokens) + self.pos(torch.arange(tokens.size(1), device=tokens.device))",
            ),
        ),
    ),
    (  # attention written out, as in courses
        ENCODER,
        (
            (
                "class Classifier(nn.Module)",
                "class SelfAttention(nn.Module):\n"
                "    def __init__(self, d, heads):\n"
                "        super().__init__()\n"
                "        self.heads, self.qkv, self.out = heads, nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d)\n"
                "        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)\n"
                "        self.ff = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))\n\n"
                "    def forward(self, x, mask):\n"
                "        b, t, d = x.shape\n"
                "        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)\n"
                "        att = q @ k.transpose(-2, -1) / math.sqrt(d // self.heads)\n"
                "        att = att.masked_fill(mask[:, None, None, :], float('-inf')).softmax(dim=-1)\n"
                "        x = x + self.out((att @ v).transpose(1, 2).reshape(b, t, d))\n"
                "        return x + self.ff(self.norm2(x))\n\n\n"
                "class Classifier(nn.Module)",
            ),
            (
                "        layer = nn.TransformerEncoderLayer(cfg.d_model, cfg.heads, 64, cfg.dropout, batch_first=True)\n        self.encoder = nn.TransformerEncoder(layer, cfg.layers, enable_nested_tensor=False)\n",
                "        self.blocks = nn.ModuleList([SelfAttention(cfg.d_model, cfg.heads) for _ in range(cfg.layers)])\n",
            ),
            (
                "        x = self.encoder(x, src_key_padding_mask=mask)\n",
                "        for block in self.blocks:\n            x = block(x, mask)\n",
            ),
        ),
    ),
    (
        ENCODER,
        (("cfg.dropout, batch_first=True)", "cfg.dropout, activation='gelu', batch_first=True, norm_first=True)"),),
    ),
    (
        ENCODER,
        (
            ("    trainer = Trainer", "    model.embed.weight.requires_grad_(False)\n    trainer = Trainer"),
            ("AdamW(model.parameters()", "AdamW(filter(lambda p: p.requires_grad, model.parameters())"),
        ),
    ),
    (
        ENCODER,
        (
            (
                "self.criterion = nn.CrossEntropyLoss()",
                "self.criterion = nn.CrossEntropyLoss()\n        self.ema = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))",
            ),
            (
                "            self.scheduler.step()\n",
                "            self.scheduler.step()\n            self.ema.update_parameters(self.model)\n",
            ),
            ("        self.model.eval()\n", "        self.ema.eval()\n"),
            ("preds = self.model(tokens)", "preds = self.ema(tokens)"),
            ("copy.deepcopy(self.model.state_dict())", "copy.deepcopy(self.ema.state_dict())"),
            ("self.model.load_state_dict(self.best_state)", "self.ema.load_state_dict(self.best_state)"),
        ),
    ),
    (
        ENCODER,
        (
            (
                "        for tokens, labels in self.train_loader:\n            self.optimizer.zero_grad()\n",
                "        self.optimizer.zero_grad()\n        for i, (tokens, labels) in enumerate(self.train_loader):\n",
            ),
            (
                "            loss.backward()\n            nn.utils.clip_grad_norm_(self.model.parameters(), self.cfg.clip)\n            self.optimizer.step()\n            self.scheduler.step()\n",
                "            (loss / 2).backward()\n            if i % 2 == 1 or i + 1 == len(self.train_loader):\n                nn.utils.clip_grad_norm_(self.model.parameters(), self.cfg.clip)\n                self.optimizer.step()\n                self.optimizer.zero_grad()\n                self.scheduler.step()\n",
            ),
            ("batch_size: int = 32", "batch_size: int = 16"),
            ("total = cfg.epochs * len(train_loader)", "total = cfg.epochs * (len(train_loader) // 2 + 1)"),
        ),
    ),
    (
        ENCODER,
        (
            (
                "torch.optim.lr_scheduler.LambdaLR(\n            self.optimizer,\n            lambda s: min(1.0, (s + 1) / cfg.warmup) * max(0.0, 1 - s / total),\n        )",
                "torch.optim.lr_scheduler.OneCycleLR(self.optimizer, max_lr=3e-3, total_steps=total, pct_start=0.2)",
            ),
        ),
    ),
    (  # documents of like length together, batches in any order
        ENCODER,
        (
            (
                "train_loader = DataLoader(TextDataset(train_set), batch_size=cfg.batch_size, shuffle=True, collate_fn=collate)",
                "order = sorted(range(600), key=lambda i: len(train_set[i][0]))\n    buckets = [order[i : i + 32] for i in range(0, 600, 32)]\n    random.shuffle(buckets)\n    train_loader = DataLoader(TextDataset(train_set), batch_sampler=buckets, collate_fn=collate)",
            ),
        ),
    ),
    (
        ENCODER,
        (
            (
                "self.criterion = nn.CrossEntropyLoss()",
                "self.criterion = nn.CrossEntropyLoss(label_smoothing=0.1, weight=torch.tensor([1.0, 1.2, 0.9, 1.0]))",
            ),
        ),
    ),
    (
        ENCODER,
        (
            (
                "        correct, total = 0, 0\n",
                "        from sklearn.metrics import f1_score\n        gold, said = [], []\n",
            ),
            (
                "            correct += (preds == labels).sum().item()\n            total += labels.size(0)\n        return correct / total",
                "            said.extend(preds.tolist())\n            gold.extend(labels.tolist())\n        return f1_score(gold, said, average='macro')",
            ),
            ("val_acc={val_acc", "val_f1={val_acc"),
        ),
    ),
    (
        ENCODER,
        (
            ("import copy\n", "import copy\nimport io\n"),
            (
                "self.best_state = copy.deepcopy(self.model.state_dict())",
                "self.best_state = io.BytesIO()\n                torch.save({'model': self.model.state_dict(), 'epoch': epoch, 'acc': val_acc}, self.best_state)",
            ),
            (
                "        self.model.load_state_dict(self.best_state)",
                "        self.best_state.seek(0)\n        checkpoint = torch.load(self.best_state)\n        self.model = Classifier(self.cfg)\n        self.model.load_state_dict(checkpoint['model'])",
            ),
        ),
    ),
    (  # the schedule of "Attention is all you need": the optimiser's own rate is only a factor
        ENCODER,
        (
            ("lr: float = 2e-3", "lr: float = 0.15"),
            (
                "lambda s: min(1.0, (s + 1) / cfg.warmup) * max(0.0, 1 - s / total)",
                "lambda s: cfg.d_model**-0.5 * min((s + 1) ** -0.5, (s + 1) * cfg.warmup**-1.5)",
            ),
            (
                "AdamW(model.parameters(), lr=cfg.lr, weight_decay=0.01)",
                "Adam(model.parameters(), lr=cfg.lr, betas=(0.9, 0.98), eps=1e-9)",
            ),
        ),
    ),
    (
        ENCODER,
        (
            (
                "            logits = self.model(tokens)\n",
                "            drop = (torch.rand(tokens.shape) < 0.1) & (tokens != self.cfg.pad)\n            logits = self.model(tokens.masked_fill(drop, 1))\n",
            ),
        ),
    ),
    (
        ENCODER,
        (
            (
                "        self.embed = nn.Embedding(cfg.vocab, cfg.d_model, padding_idx=cfg.pad)\n",
                "        self.embed = nn.EmbeddingBag(cfg.vocab, cfg.d_model, mode='mean', padding_idx=cfg.pad)\n",
            ),
            (
                "        x = self.drop(self.pos(self.embed(tokens) * math.sqrt(self.cfg.d_model)))\n        x = self.encoder(x, src_key_padding_mask=mask)\n        keep = (~mask).unsqueeze(-1).float()\n        pooled = (x * keep).sum(1) / keep.sum(1)\n        return self.head(pooled)",
                "        return self.head(self.drop(self.embed(tokens)))",
            ),
            (
                "        layer = nn.TransformerEncoderLayer(cfg.d_model, cfg.heads, 64, cfg.dropout, batch_first=True)\n        self.encoder = nn.TransformerEncoder(layer, cfg.layers, enable_nested_tensor=False)\n",
                "",
            ),
            ("lr: float = 2e-3", "lr: float = 2e-2"),
        ),
    ),
    (TAGGER, ()),
    (
        TAGGER,
        (
            (
                "        packed = pack_padded_sequence(emb, lengths, batch_first=True, enforce_sorted=False)\n        out, _ = self.lstm(packed)\n        out, _ = pad_packed_sequence(out, batch_first=True)\n",
                "        out, _ = self.lstm(emb)\n",
            ),
        ),
    ),
    (
        TAGGER,
        (
            (
                "loss = F.cross_entropy(scores.view(-1, len(TAGS)), tags.view(-1), ignore_index=IGNORE)",
                "mask = (tags != IGNORE).float().view(-1)\n        losses = F.cross_entropy(scores.view(-1, len(TAGS)), tags.clamp(min=0).view(-1), reduction='none')\n        loss = (losses * mask).sum() / mask.sum()",
            ),
        ),
    ),
    (TAGGER, (('TAGS = ["DET"', 'TAGS = ["<pad>", "DET"'), ("IGNORE = -100", "IGNORE = 0"))),
    (
        TAGGER,
        (
            (
                "return self.hidden2tag(self.dropout(out))",
                "return F.log_softmax(self.hidden2tag(self.dropout(out)), dim=-1)",
            ),
            ("F.cross_entropy(scores", "F.nll_loss(scores"),
        ),
    ),
    (
        TAGGER,
        (
            (
                "F.cross_entropy(scores.view(-1, len(TAGS)), tags.view(-1), ignore_index=IGNORE)",
                "F.cross_entropy(scores.permute(0, 2, 1), tags)",
            ),
        ),
    ),
    (  # an average of the weights is used for evaluation, then the trained ones come back
        TAGGER,
        (
            ("ACCUMULATE = 2\n", "ACCUMULATE = 2\nshadow = {k: v.clone() for k, v in model.state_dict().items()}\n"),
            (
                "            optimizer.step()\n",
                "            optimizer.step()\n            with torch.no_grad():\n                for k, v in model.state_dict().items():\n                    shadow[k].mul_(0.9).add_(v, alpha=0.1)\n",
            ),
            (
                "    model.eval()\n",
                "    model.eval()\n    backup = {k: v.clone() for k, v in model.state_dict().items()}\n    model.load_state_dict(shadow)\n",
            ),
            ('    print(f"Epoch', '    model.load_state_dict(backup)\n    print(f"Epoch'),
        ),
    ),
    (
        TAGGER,
        (
            (
                "self.lstm = nn.LSTM(emb, hidden, batch_first=True, bidirectional=True)",
                "self.conv1 = nn.Conv1d(emb, 2 * hidden, 3, padding=1)\n        self.conv2 = nn.Conv1d(2 * hidden, 2 * hidden, 3, padding=1)",
            ),
            (
                "        packed = pack_padded_sequence(emb, lengths, batch_first=True, enforce_sorted=False)\n        out, _ = self.lstm(packed)\n        out, _ = pad_packed_sequence(out, batch_first=True)\n",
                "        out = F.relu(self.conv1(emb.transpose(1, 2)))\n        out = F.relu(self.conv2(out)).transpose(1, 2)\n",
            ),
        ),
    ),
    (  # a sentence at a time, as in the tutorial
        TAGGER,
        (
            ("batches(train_ids, 20, shuffle=True)", "batches(train_ids, 1, shuffle=True)"),
            ("torch.optim.Adam(model.parameters(), lr=0.01)", "torch.optim.SGD(model.parameters(), lr=0.1)"),
            ("ACCUMULATE = 2", "ACCUMULATE = 1"),
            ("range(5)", "range(1)"),
        ),
    ),
    (
        TAGGER,
        (
            (
                "        lengths = torch.tensor",
                "        chunk.sort(key=lambda pair: len(pair[0]), reverse=True)\n        lengths = torch.tensor",
            ),
            (", enforce_sorted=False", ""),
        ),
    ),
    (
        TAGGER,
        (
            ("    correct = total = 0\n", "    said, gold = [], []\n"),
            (
                "            correct += (pred[mask] == tags[mask]).sum().item()\n            total += mask.sum().item()\n",
                "            said += pred[mask].tolist()\n            gold += tags[mask].tolist()\n",
            ),
            ("{correct / total:.3f}", "{sum(a == b for a, b in zip(said, gold)) / len(gold):.3f}"),
        ),
    ),
    (
        TAGGER,
        (
            (
                "        scores = model(words, lengths)\n        loss",
                "        unknown = (torch.rand(words.shape) < 0.05) & (words != PAD)\n        scores = model(torch.where(unknown, UNK, words), lengths)\n        loss",
            ),
        ),
    ),
    (
        TAGGER,
        (
            (
                "ACCUMULATE = 2\n",
                "ACCUMULATE = 2\nscheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / 10) * (1 - s / 71))\n",
            ),
            ("            optimizer.step()\n", "            optimizer.step()\n            scheduler.step()\n"),
        ),
    ),
    (
        TAGGER,
        (
            (
                "            correct += (pred[mask] == tags[mask]).sum().item()\n            total += mask.sum().item()\n",
                "            for row, gold, length in zip(pred, tags, lengths):\n                correct += int((row[:length] == gold[:length]).sum())\n                total += int(length)\n",
            ),
        ),
    ),
    (FORECAST, ()),
    (
        FORECAST,
        (("return self.head(out[:, -1]).squeeze(-1)", "return x[:, -1, 0] + self.head(out[:, -1]).squeeze(-1)"),),
    ),
    (FORECAST, (("nn.MSELoss()", "nn.SmoothL1Loss()"),)),
    (FORECAST, (("nn.MSELoss()", "nn.L1Loss()"), ("Adam(model", "AdamW(model"))),
    (FORECAST, (("batch_size=64, shuffle=True", "batch_size=64, shuffle=False"),)),
    (
        FORECAST,
        (
            (
                "self.lstm = nn.LSTM(n_features, hidden, batch_first=True)",
                "self.conv = nn.Sequential(nn.Conv1d(n_features, hidden, 5), nn.ReLU(), nn.Conv1d(hidden, hidden, 5, stride=2), nn.ReLU())",
            ),
            (
                "        out, _ = self.lstm(x)\n        return self.head(out[:, -1])",
                "        return self.head(self.conv(x.permute(0, 2, 1))[:, :, -1])",
            ),
        ),
    ),
    (
        FORECAST,
        (
            ("WINDOW, HORIZON = 24, 1", "WINDOW, HORIZON = 24, 6"),
            ("self.values[i + WINDOW + HORIZON - 1, 0]", "self.values[i + WINDOW : i + WINDOW + HORIZON, 0]"),
            ("nn.Linear(16, 1)", "nn.Linear(16, HORIZON)"),
            (".squeeze(-1)", ""),
        ),
    ),
    (
        FORECAST,
        (
            (
                "mean, std = series[:train_end].mean(axis=0), series[:train_end].std(axis=0)\nscaled = (series - mean) / std\n",
                "from sklearn.preprocessing import MinMaxScaler\nscaler = MinMaxScaler().fit(series[:train_end])\nscaled = scaler.transform(series).astype(np.float32)\nmean, std = scaler.data_min_, scaler.data_range_\n",
            ),
        ),
    ),
    (  # the last window of the past is context for the first forecast
        FORECAST,
        (
            ("scaled[train_end:val_end]", "scaled[train_end - WINDOW : val_end]"),
            ("scaled[val_end:]", "scaled[val_end - WINDOW :]"),
        ),
    ),
    (
        FORECAST,
        (
            ("nn.Linear(16, 1)", "nn.Linear(16, 3)"),
            (".squeeze(-1)", ""),
            (
                "loss_fn = nn.MSELoss()",
                "def loss_fn(pred, y):\n    q = torch.tensor([0.1, 0.5, 0.9])\n    error = y.unsqueeze(1) - pred\n    return torch.maximum(q * error, (q - 1) * error).mean()\n",
            ),
            ("preds.append(model(x))", "preds.append(model(x)[:, 1])"),
        ),
    ),
    (
        FORECAST,
        (
            ("nn.Linear(16, 1)", "nn.Linear(16, 2)"),
            (".squeeze(-1)", ""),
            ("loss_fn(pred, y)", "loss_fn(pred[:, 0], y, nn.functional.softplus(pred[:, 1]) + 1e-4)"),
            ("nn.MSELoss()", "nn.GaussianNLLLoss()"),
            ("preds.append(model(x))", "preds.append(model(x)[:, 0])"),
        ),
    ),
    (  # each window's every place foretells the next
        FORECAST,
        (
            ("self.values[i + WINDOW + HORIZON - 1, 0]", "self.values[i + 1 : i + WINDOW + 1, 0]"),
            ("self.head(out[:, -1])", "self.head(out)"),
            ("preds.append(model(x))", "preds.append(model(x)[:, -1])"),
            ("targets.append(y)", "targets.append(y[:, -1])"),
        ),
    ),
    (  # each window by its own mean and deviation, given back at the end
        FORECAST,
        (
            (
                "        out, _ = self.lstm(x)\n        return self.head(out[:, -1]).squeeze(-1)",
                "        mu, sd = x.mean(1, keepdim=True), x.std(1, keepdim=True) + 1e-5\n        out, _ = self.lstm((x - mu) / sd)\n        return self.head(out[:, -1]).squeeze(-1) * sd[:, 0, 0] + mu[:, 0, 0]",
            ),
        ),
    ),
    (
        FORECAST,
        (
            (
                "torch.optim.Adam(model.parameters(), lr=5e-3)",
                "torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)",
            ),
            (
                "    rmse = np.sqrt",
                "    mape = 100 * np.abs((targets - preds) / targets).mean()\n    print(f'MAPE {mape:.2f}%')\n    rmse = np.sqrt",
            ),
        ),
    ),
    (
        FORECAST,
        (
            (
                "model = Forecaster()\n",
                "last = scaled[train_end + WINDOW - 1 : val_end - 1, 0] * std[0]\nnaive = np.abs(np.diff(last)).mean()\nprint(f'persistence MAE {naive:.2f}')\nmodel = Forecaster()\n",
            ),
            (
                "    mae = np.abs(preds - targets).mean()\n",
                "    from sklearn.metrics import mean_absolute_error\n    mae = mean_absolute_error(targets, preds)\n",
            ),
        ),
    ),
    (  # a checkpoint is kept; the learning rate warms up by hand
        FORECAST,
        (
            (
                "    train_loss = run_epoch",
                "    if epoch <= 3:\n        for group in optimizer.param_groups:\n            group['lr'] = 5e-3 * epoch / 3\n    train_loss = run_epoch",
            ),
            ("    scheduler.step(rmse)\n", ""),
        ),
    ),
    (NUMERALS, ()),
    (  # half of the batches are decoded from the model's own tokens
        NUMERALS,
        (
            (
                "        logits, _ = decoder(tgt[:, :-1], hidden, memory, src == PAD)\n        loss",
                "        if random.random() < 0.7:\n"
                "            logits, _ = decoder(tgt[:, :-1], hidden, memory, src == PAD)\n"
                "        else:\n"
                "            token, outs = tgt[:, :1], []\n"
                "            for _ in range(tgt.size(1) - 1):\n"
                "                step, hidden = decoder(token, hidden, memory, src == PAD)\n"
                "                outs.append(step)\n"
                "                token = step.argmax(-1).detach()\n"
                "            logits = torch.cat(outs, dim=1)\n"
                "        loss",
            ),
        ),
    ),
    (
        NUMERALS,
        (
            (
                "opt = optim.Adam(params, lr=4e-3)",
                "enc_opt = optim.Adam(encoder.parameters(), lr=4e-3)\ndec_opt = optim.Adam(decoder.parameters(), lr=4e-3)",
            ),
            ("        opt.zero_grad()\n", "        enc_opt.zero_grad()\n        dec_opt.zero_grad()\n"),
            ("        opt.step()\n", "        enc_opt.step()\n        dec_opt.step()\n"),
        ),
    ),
    (
        NUMERALS,
        (
            (
                "return self.out(torch.cat([out, context], dim=-1)), hidden",
                "return torch.log_softmax(self.out(torch.cat([out, context], dim=-1)), dim=2), hidden",
            ),
            ("nn.CrossEntropyLoss(ignore_index=PAD)", "nn.NLLLoss(ignore_index=PAD)"),
        ),
    ),
    (
        NUMERALS,
        (
            (
                "    return right.all(1).float().mean().item()",
                "    mask = gold != PAD\n    print(f'token accuracy {(outputs[mask] == gold[mask]).float().mean():.3f}')\n    return right.all(1).float().mean().item()",
            ),
        ),
    ),
    (
        NUMERALS,
        (
            (
                "src = [[src_vocab[w] for w in in_words(n)] for n in ns]",
                "src = [[src_vocab[w] for w in reversed(in_words(n))] for n in ns]",
            ),
        ),
    ),
    (
        NUMERALS,
        (
            ("nn.CrossEntropyLoss(ignore_index=PAD)", "nn.CrossEntropyLoss(ignore_index=PAD, reduction='sum')"),
            ("tgt[:, 1:].reshape(-1))\n", "tgt[:, 1:].reshape(-1)) / (tgt[:, 1:] != PAD).sum()\n"),
        ),
    ),
    (  # padding is learnt as a token of its own: a sentence goes on with padding after its end
        NUMERALS,
        (("nn.CrossEntropyLoss(ignore_index=PAD)", "nn.CrossEntropyLoss()"),),
    ),
]

WRONG: list[tuple[str, Patch, tuple[str, ...]]] = [
    (CHARS, (("y = streams[:, i + 1 : i + 1 + length]", "y = streams[:, i : i + length]"),), ("labels-out-of-order",)),
    (CHARS, (("view(batch_size, steps)", "view(steps, batch_size).t()"),), ("labels-out-of-order",)),
    (
        CHARS,
        (("criterion(logits.reshape(-1, vocab_size)", "criterion(logits.transpose(0, 1).reshape(-1, vocab_size)"),),
        ("labels-out-of-order",),
    ),
    (
        CHARS,
        (("return self.fc(self.dropout(out)), h", "return torch.softmax(self.fc(self.dropout(out)), dim=-1), h"),),
        ("loss-expects-logits",),
    ),
    (
        CHARS,
        (
            ("return self.fc(self.dropout(out)), h", "return torch.log_softmax(self.fc(self.dropout(out)), dim=1), h"),
            ("nn.CrossEntropyLoss()", "nn.NLLLoss()"),
        ),
        ("softmax-wrong-dim",),
    ),
    (
        CHARS,
        (
            ("nn.GRU(embed, hidden, batch_first=True)", "nn.GRU(embed, hidden)"),
            ("        h = h.detach()\n", "        h = model.init_hidden(x.size(1))\n"),
            (
                "        logits, h = model(x, h)\n        loss = criterion",
                "        h = model.init_hidden(x.size(1))\n        logits, h = model(x, h)\n        loss = criterion",
            ),
        ),
        ("examples-mixed",),
    ),
    (
        CHARS,
        (("for epoch in range(4):\n    model.train()\n", "model.train()\nfor epoch in range(4):\n"),),
        ("eval-mode-in-training",),
    ),
    (
        CHARS,
        (("    model.eval()\n    h = model.init_hidden(batch_size)", "    h = model.init_hidden(batch_size)"),),
        ("train-mode-in-evaluation",),
    ),
    (CHARS, (("        optimizer.zero_grad()\n", ""),), ("gradients-accumulate",)),
    (
        CHARS,
        (
            ("nn.CrossEntropyLoss()", "nn.CrossEntropyLoss(reduction='sum')"),
            ("total += loss.item() * y.numel()", "total += loss.item()"),
            ("torch.optim.Adam(model.parameters(), lr=1e-2)", "torch.optim.Adagrad(model.parameters(), lr=2e-2)"),
        ),
        ("loss-sum-reduction",),
    ),
    (CHARS, (("total += loss.item() * y.numel()", "total += loss.item()"),), ("metric-wrong",)),
    (CHARS, (("math.exp(val_loss)", "2**val_loss"),), ("metric-wrong",)),
    (CHARS, (("lr=1e-2", "lr=0.5"),), ("learning-rate-too-high",)),
    (
        CHARS,
        (("torch.optim.Adam(model.parameters(), lr=1e-2)", "torch.optim.SGD(model.parameters(), lr=1e-4)"),),
        ("learning-rate-too-low",),
    ),
    (
        CHARS,
        (("self.fc(self.dropout(out))", "self.fc(nn.functional.dropout(out, 0.3))"),),
        ("dropout-active-in-evaluation",),
    ),
    (CHARS, (("e = self.embedding(x)", "e = self.embedding(x).detach()"),), ("gradient-does-not-flow",)),
    (
        CHARS,
        (
            (
                "criterion = nn.CrossEntropyLoss()",
                "model.embedding = nn.Embedding(vocab_size, 32)\ncriterion = nn.CrossEntropyLoss()",
            ),
        ),
        ("parameter-not-in-optimiser", "optimiser-holds-foreign-parameters"),
    ),
    (
        CHARS,
        (
            (
                "        nn.utils.clip_grad_norm_(model.parameters(), 5.0)\n        optimizer.step()\n",
                "        optimizer.step()\n        nn.utils.clip_grad_norm_(model.parameters(), 5.0)\n",
            ),
        ),
        ("clip-after-step",),
    ),
    (CHARS, (("data[:n], data[n:]", "data[:n], data[int(0.8 * len(data)) :]"),), ("train-validation-overlap",)),
    (CHARS, (("data[:n], data[n:]", "data, data[n:]"),), ("train-validation-overlap",)),
    (
        CHARS,
        (
            ("@torch.no_grad()\ndef", "def"),
            (
                "        total += loss.item() * y.numel()\n",
                "        optimizer.zero_grad()\n        loss.backward()\n        optimizer.step()\n        h = h.detach()\n        total += loss.item() * y.numel()\n",
            ),
        ),
        ("backward-in-evaluation",),
    ),
    (
        CHARS,
        (
            (
                "self.fc = nn.Linear(hidden, vocab_size)",
                "self.fc = nn.Linear(hidden, vocab_size)\n        nn.init.normal_(self.fc.weight, std=3.0)",
            ),
        ),
        ("loss-at-init-off", "bad-initialisation"),
    ),
    (  # the recurrent layer reads the text from behind too: it is told the next character
        CHARS,
        (
            ("nn.GRU(embed, hidden, batch_first=True)", "nn.GRU(embed, hidden, batch_first=True, bidirectional=True)"),
            ("self.fc = nn.Linear(hidden,", "self.fc = nn.Linear(2 * hidden,"),
            ("torch.zeros(1, n,", "torch.zeros(2, n,"),
        ),
        ("input-ignored",),
    ),
    (  # a transformer that looks ahead: no causal mask
        CHARS,
        (
            (
                "        self.gru = nn.GRU(embed, hidden, batch_first=True)\n",
                "        self.positions = nn.Embedding(seq_len, embed)\n"
                "        layer = nn.TransformerEncoderLayer(embed, 4, 2 * hidden, 0.1, batch_first=True, norm_first=True)\n"
                "        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)\n"
                "        self.grow = nn.Linear(embed, hidden)\n",
            ),
            (
                "        out, h = self.gru(e, h)\n",
                "        out = torch.relu(self.grow(self.blocks(e + self.positions(torch.arange(x.size(1))))))\n",
            ),
            ("lr=1e-2", "lr=2e-3"),
        ),
        ("input-ignored",),
    ),
    (
        CHARS,
        (
            (
                "criterion(logits.reshape(-1, vocab_size), y.reshape(-1))",
                "criterion(logits.reshape(-1, vocab_size), nn.functional.one_hot(y.reshape(-1), vocab_size))",
            ),
        ),
        ("label-format-mismatch",),
    ),
    (
        ENCODER,
        (
            ("cfg.dropout, batch_first=True)", "cfg.dropout)"),
            ("self.encoder(x, src_key_padding_mask=mask)", "self.encoder(x)"),
        ),
        ("examples-mixed",),
    ),
    (
        ENCODER,
        (
            ("            self.scheduler.step()\n", ""),
            (
                "            val_acc = self.evaluate(self.val_loader)\n",
                "            self.scheduler.step()\n            val_acc = self.evaluate(self.val_loader)\n",
            ),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (
        ENCODER,
        (
            (
                "torch.optim.lr_scheduler.LambdaLR(\n            self.optimizer,\n            lambda s: min(1.0, (s + 1) / cfg.warmup) * max(0.0, 1 - s / total),\n        )",
                "torch.optim.lr_scheduler.StepLR(self.optimizer, step_size=2, gamma=0.5)",
            ),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (
        ENCODER,
        (
            (
                "torch.optim.lr_scheduler.LambdaLR(\n            self.optimizer,\n            lambda s: min(1.0, (s + 1) / cfg.warmup) * max(0.0, 1 - s / total),\n        )",
                "torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=cfg.epochs)",
            ),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (ENCODER, (("warmup: int = 20", "warmup: int = 4000"),), ("schedule-stepped-wrongly", "learning-rate-too-low")),
    (
        ENCODER,
        (("documents[:600], documents[600:750]", "documents[:750], documents[600:750]"),),
        ("train-validation-overlap",),
    ),
    (
        ENCODER,
        (
            (
                "    train_set, val_set",
                "    documents += [random.choice(documents) for _ in range(600)]\n    random.shuffle(documents)\n    train_set, val_set",
            ),
            (
                "documents[:600], documents[600:750], documents[750:]",
                "documents[:1000], documents[1000:1250], documents[1250:]",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        ENCODER,
        (("val_acc = self.evaluate(self.val_loader)", "val_acc = self.evaluate(self.train_loader)"),),
        ("train-validation-overlap",),
    ),
    (
        ENCODER,
        (
            (
                "    tokens, labels = zip(*batch)\n",
                "    tokens, labels = zip(*batch)\n    tokens = sorted(tokens, key=len, reverse=True)\n",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        ENCODER,
        (
            (
                "        return tokens, label\n",
                "        return tokens, self.documents[random.randrange(len(self.documents))][1]\n",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        ENCODER,
        (("return self.head(pooled)", "return torch.softmax(self.head(pooled), dim=1)"),),
        ("loss-expects-logits",),
    ),
    (
        ENCODER,
        (
            (
                "self.head = nn.Linear(cfg.d_model, cfg.classes)",
                "self.head = nn.Sequential(nn.Linear(cfg.d_model, cfg.classes), nn.ReLU())",
            ),
        ),
        ("activation-on-logits",),
    ),
    (ENCODER, (("torch.tensor(labels)", "torch.tensor(labels) + 1"),), ("label-out-of-range",)),
    (
        ENCODER,
        (("loss = self.criterion(logits, labels)", "loss = self.criterion(logits, labels.float())"),),
        ("label-format-mismatch",),
    ),
    (ENCODER, (("(preds == labels)", "(preds == labels.unsqueeze(1))"),), ("metric-wrong",)),
    (
        ENCODER,
        (
            (
                "        layer = nn.TransformerEncoderLayer(cfg.d_model, cfg.heads, 64, cfg.dropout, batch_first=True)\n        self.encoder = nn.TransformerEncoder(layer, cfg.layers, enable_nested_tensor=False)\n",
                "        self.layers = [nn.TransformerEncoderLayer(cfg.d_model, cfg.heads, 64, cfg.dropout, batch_first=True) for _ in range(cfg.layers)]\n",
            ),
            (
                "        x = self.encoder(x, src_key_padding_mask=mask)\n",
                "        for layer in self.layers:\n            x = layer(x, src_key_padding_mask=mask)\n",
            ),
        ),
        ("parameter-not-registered",),
    ),
    (ENCODER, (("AdamW(model.parameters()", "AdamW(model.head.parameters()"),), ("parameter-not-in-optimiser",)),
    (
        ENCODER,
        (("self.cfg, self.model = cfg, model", "self.cfg, self.model = cfg, copy.deepcopy(model)"),),
        ("optimiser-holds-foreign-parameters",),
    ),
    (
        ENCODER,
        (
            ("    train_set, val_set", "    documents.sort(key=lambda d: d[1])\n    train_set, val_set"),
            ("documents[:600], documents[600:750]", "documents[:180], documents[180:750]"),
        ),
        ("single-class",),
    ),
    (
        ENCODER,
        (
            ("    train_loader = DataLoader", "    train_set.sort(key=lambda d: d[1])\n    train_loader = DataLoader"),
            ("shuffle=True, ", ""),
        ),
        ("data-not-shuffled",),
    ),
    (ENCODER, (("return correct / total", "return correct / (len(loader) * 64)"),), ("metric-wrong",)),
    (
        ENCODER,
        (
            (
                "            correct += (preds == labels).sum().item()\n            total += labels.size(0)\n",
                "            correct += (preds == labels).float().mean().item()\n            total += 1\n",
            ),
        ),
        ("metric-wrong",),
    ),
    (ENCODER, (("running += loss.item() * len(labels)", "running += loss.item()"),), ("metric-wrong",)),
    (
        ENCODER,
        (
            (
                "            loss.backward()\n",
                "            loss = torch.tensor(loss.item(), requires_grad=True)\n            loss.backward()\n",
            ),
        ),
        ("gradient-does-not-flow",),
    ),
    (
        ENCODER,
        (("return self.head(pooled)", "return self.head(nn.functional.dropout(pooled, 0.3))"),),
        ("dropout-active-in-evaluation",),
    ),
    (
        ENCODER,
        (("keep = (~mask).unsqueeze(-1).float()", "keep = mask.unsqueeze(-1).float()"),),
        ("loss-not-finite", "input-not-finite"),
    ),
    (ENCODER, (("        self.model.eval()\n", ""),), ("train-mode-in-evaluation",)),
    (ENCODER, (("        self.model.train()\n", ""),), ("eval-mode-in-training",)),
    (ENCODER, (("            self.optimizer.zero_grad()\n", ""),), ("gradients-accumulate",)),
    (ENCODER, (("lr: float = 2e-3", "lr: float = 0.3"),), ("learning-rate-too-high",)),
    (
        TAGGER,
        (
            ("padding_value=IGNORE", "padding_value=0"),
            ("mask = tags != IGNORE", "mask = torch.ones_like(tags, dtype=torch.bool)"),
        ),
        ("metric-wrong",),
    ),
    (TAGGER, (("total += mask.sum().item()", "total += tags.numel()"),), ("metric-wrong",)),
    (TAGGER, (("tags.view(-1), ignore_index", "tags.t().reshape(-1), ignore_index"),), ("labels-out-of-order",)),
    (
        TAGGER,
        (
            (
                "F.cross_entropy(scores.view(-1, len(TAGS)), tags.view(-1)",
                "F.cross_entropy(scores.view(len(scores), len(TAGS), -1), tags",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        TAGGER,
        (("            optimizer.step()\n            optimizer.zero_grad()\n", "            optimizer.step()\n"),),
        ("gradients-accumulate",),
    ),
    (
        TAGGER,
        (
            (
                "def numericalize(pairs):\n",
                "def numericalize(pairs):\n    tag2id = {}\n    for _, tags in sorted(pairs):\n        for tag in tags[::-1]:\n            tag2id.setdefault(tag, len(tag2id))\n",
            ),
            ("numericalize(dev)", "numericalize([(w[1:], t[1:]) for w, t in dev])"),
        ),
        ("labels-corrupt",),
    ),
    (TAGGER, (("corpus[:560], corpus[560:]", "corpus, corpus[560:]"),), ("train-validation-overlap",)),
    (
        TAGGER,
        (("corpus[:560], corpus[560:]", "corpus[:560], random.sample(corpus, 140)"),),
        ("train-validation-overlap",),
    ),
    (
        TAGGER,
        (("emb = self.dropout(self.embedding(words))", "emb = F.dropout(self.embedding(words), 0.2)"),),
        ("dropout-active-in-evaluation",),
    ),
    (
        TAGGER,
        (
            (
                "optimizer = torch.optim.Adam(model.parameters()",
                "optimizer = torch.optim.Adam(model.hidden2tag.parameters()",
            ),
        ),
        ("parameter-not-in-optimiser",),
    ),
    (
        TAGGER,
        (
            (
                "return self.hidden2tag(self.dropout(out))",
                "return F.softmax(self.hidden2tag(self.dropout(out)), dim=-1)",
            ),
        ),
        ("loss-expects-logits",),
    ),
    (
        TAGGER,
        (("return self.hidden2tag(self.dropout(out))", "return F.relu(self.hidden2tag(self.dropout(out)))"),),
        ("activation-on-logits",),
    ),
    (
        TAGGER,
        (("i for i, tag in enumerate(TAGS)", "i for i, tag in enumerate(TAGS, start=1)"),),
        ("label-out-of-range",),
    ),
    (TAGGER, (("F.cross_entropy(scores", "F.nll_loss(scores"),), ("loss-expects-probabilities",)),
    (
        TAGGER,
        (("optimizer = torch", "for p in model.parameters():\n    nn.init.constant_(p, 0.05)\noptimizer = torch"),),
        ("bad-initialisation",),
    ),
    (TAGGER, (("lr=0.01", "lr=1.0"),), ("learning-rate-too-high",)),
    (TAGGER, (("lr=0.01", "lr=1e-7"),), ("learning-rate-too-low",)),
    (
        TAGGER,
        (
            (
                "correct += (pred[mask] == tags[mask]).sum().item()",
                "correct += (pred[mask] == tags[mask]).float().mean().item()",
            ),
            ("total += mask.sum().item()", "total += 1"),
        ),
        ("metric-wrong",),
    ),
    (
        TAGGER,
        (
            (
                "train_ids, dev_ids = numericalize(train)",
                "train = [(w, [t if random.random() > 0.4 else random.choice(TAGS) for t in tags]) for w, tags in train]\ntrain_ids, dev_ids = numericalize(train)",
            ),
        ),
        ("labels-corrupt",),
    ),
    (
        TAGGER,
        (("torch.tensor([tag2id[t] for t in tags]))", "torch.tensor([tag2id[t] for t in tags]).flip(0))"),),
        ("labels-out-of-order",),
    ),
    (
        TAGGER,
        (
            (
                "F.cross_entropy(scores.view(-1, len(TAGS)), tags.view(-1), ignore_index=IGNORE)",
                "-F.cross_entropy(scores.view(-1, len(TAGS)), tags.view(-1), ignore_index=IGNORE)",
            ),
        ),
        ("loss-sign-flipped",),
    ),
    (
        TAGGER,
        (
            (
                "    with torch.no_grad():\n        for words, lengths, tags in batches(dev_ids, 64, shuffle=False):\n            pred = model(words, lengths).argmax(-1)\n",
                "    if True:\n        for words, lengths, tags in batches(dev_ids, 64, shuffle=False):\n            scores = model(words, lengths)\n            F.cross_entropy(scores.view(-1, len(TAGS)), tags.view(-1)).backward()\n            optimizer.step()\n            pred = scores.argmax(-1)\n",
            ),
        ),
        ("backward-in-evaluation",),
    ),
    (
        FORECAST,
        (("self.values[i + WINDOW + HORIZON - 1, 0]", "self.values[i + WINDOW - 1, 0]"),),
        ("labels-out-of-order", "input-ignored"),
    ),
    (FORECAST, (("self.head(out[:, -1]).squeeze(-1)", "self.head(out[:, -1])"),), ("accidental-broadcast",)),
    (FORECAST, (("preds.append(model(x))", "preds.append(model(x).unsqueeze(1))"),), ("metric-wrong",)),
    (
        FORECAST,
        (
            (
                "series[:train_end].mean(axis=0), series[:train_end].std(axis=0)",
                "series.mean(axis=0), series.std(axis=0)",
            ),
        ),
        ("preprocessing-leak",),
    ),
    (
        FORECAST,
        (
            (
                "mean, std = series[:train_end].mean(axis=0), series[:train_end].std(axis=0)\nscaled = (series - mean) / std\n",
                "from sklearn.preprocessing import MinMaxScaler\nscaler = MinMaxScaler()\nscaled = scaler.fit_transform(series).astype(np.float32)\nmean, std = scaler.data_min_, scaler.data_range_\n",
            ),
        ),
        ("preprocessing-leak",),
    ),
    (
        FORECAST,
        (
            (
                "train_ds = WindowDataset(scaled[:train_end])\nval_ds = WindowDataset(scaled[train_end:val_end])\ntest_ds = WindowDataset(scaled[val_end:])\n",
                "whole = WindowDataset(scaled)\ntrain_ds, val_ds, test_ds = torch.utils.data.random_split(whole, [0.7, 0.15, 0.15])\n",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        FORECAST,
        (
            (
                "y = self.values[i + WINDOW + HORIZON - 1, 0]",
                "y = self.values[i + WINDOW + HORIZON - 1, 0] * std[0] + mean[0]",
            ),
            (".numpy() * std[0] + mean[0]", ".numpy()"),
        ),
        ("loss-at-init-off",),
    ),
    (
        FORECAST,
        (("scaled = (series - mean) / std", "mean, std = np.zeros(2), np.ones(2)\nscaled = series"),),
        ("input-not-normalised", "loss-at-init-off"),
    ),
    (FORECAST, (("nn.Linear(16, 1))", "nn.Linear(16, 1), nn.Sigmoid())"),), ("output-range-cannot-reach-targets",)),
    (FORECAST, (("nn.Linear(16, 1))", "nn.Linear(16, 1), nn.ReLU())"),), ("output-range-cannot-reach-targets",)),
    (FORECAST, (("nn.Linear(16, 1))", "nn.Linear(16, 1), nn.Tanh())"),), ("output-range-cannot-reach-targets",)),
    (
        FORECAST,
        (
            (
                "WindowDataset(scaled[train_end:val_end])",
                "WindowDataset((series[train_end:val_end] - series.min(0)) / (series.max(0) - series.min(0)))",
            ),
        ),
        ("train-eval-preprocessing-differ",),
    ),
    (
        FORECAST,
        (("WindowDataset(scaled[train_end:val_end])", "WindowDataset(series[train_end:val_end])"),),
        ("train-eval-preprocessing-differ",),
    ),
    (
        FORECAST,
        (("nn.LSTM(n_features, hidden, batch_first=True)", "nn.LSTM(n_features, hidden)"),),
        ("examples-mixed",),
    ),
    (  # the last states of two layers, put side by side in the wrong order
        FORECAST,
        (
            (
                "nn.LSTM(n_features, hidden, batch_first=True)",
                "nn.LSTM(n_features, hidden // 2, num_layers=2, batch_first=True)",
            ),
            (
                "        out, _ = self.lstm(x)\n        return self.head(out[:, -1])",
                "        _, (h, _) = self.lstm(x)\n        return self.head(h.reshape(x.size(0), -1))",
            ),
        ),
        ("examples-mixed",),
    ),
    (FORECAST, (("torch.from_numpy(values)", "torch.from_numpy(values.astype(int)).float()"),), ("input-casting",)),
    (FORECAST, (("lr=5e-3", "lr=1e-7"),), ("learning-rate-too-low",)),
    (
        FORECAST,
        (("torch.optim.Adam(model.parameters(), lr=5e-3)", "torch.optim.SGD(model.parameters(), lr=20.0)"),),
        ("learning-rate-too-high", "gradient-exploding"),
    ),
    (FORECAST, (("nn.Linear(hidden, 16), nn.ReLU(), ", "nn.Linear(hidden, 16), "),), ("missing-nonlinearity",)),
    (FORECAST, (("nn.MSELoss()", "nn.CrossEntropyLoss()"),), ("loss-target-mismatch",)),
    (
        FORECAST,
        (
            (
                "            preds.append(model(x))\n            targets.append(y)\n",
                "            preds.append((model(x) - y).abs().mean() * float(std[0]))\n            targets.append(((model(x) - y) ** 2).mean().sqrt() * float(std[0]))\n",
            ),
            (
                "    preds = torch.cat(preds).numpy() * std[0] + mean[0]\n    targets = torch.cat(targets).numpy() * std[0] + mean[0]\n    mae = np.abs(preds - targets).mean()\n    rmse = np.sqrt(((preds - targets) ** 2).mean())\n",
                "    mae, rmse = float(sum(preds) / len(preds)), float(sum(targets) / len(targets))\n",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        FORECAST,
        (("mae = np.abs(preds - targets).mean()", "mae = np.abs(preds - targets).sum() / len(train_ds)"),),
        ("metric-wrong",),
    ),
    (
        FORECAST,
        (("scaled = (series - mean) / std", "scaled = (series - mean) / std\nscaled[50, 1] = np.nan"),),
        ("input-not-finite",),
    ),
    (
        FORECAST,
        (("(optimizer, factor=0.5, patience=2)", "(optimizer, mode='max', factor=0.1, patience=0)"),),
        ("schedule-stepped-wrongly",),
    ),
    (
        FORECAST,
        (("        return x, y\n", "        return x, self.values[np.random.randint(WINDOW, len(self.values)), 0]\n"),),
        ("labels-out-of-order",),
    ),
    (
        FORECAST,
        (
            (
                "        pred = model(x)\n        loss",
                "        if np.random.rand() < 0.5:\n            x = -x\n        pred = model(x)\n        loss",
            ),
        ),
        ("augmentation-breaks-labels",),
    ),
    (
        FORECAST,
        (("x = self.values[i : i + WINDOW]", "x = self.values[:WINDOW]"),),
        ("input-degenerate", "input-ignored"),
    ),
    (FORECAST, (("loss.backward()", "(-loss).backward()"),), ("loss-sign-flipped",)),
    (
        FORECAST,
        (
            (
                "        return self.head(out[:, -1])",
                "        return self.head(out[:, -1] + 0.2 * torch.randn_like(out[:, -1]))",
            ),
        ),
        ("evaluation-not-deterministic",),
    ),
    (
        FORECAST,
        (
            ("optimizer = torch", "model.head[2] = nn.Linear(16, 1)\noptimizer = torch"),
            ("model.parameters(), lr", "model.lstm.parameters(), lr"),
        ),
        ("parameter-not-in-optimiser",),
    ),
    (NUMERALS, (("tgt[:, 1:].reshape(-1))", "tgt[:, :-1].reshape(-1))"),), ("labels-out-of-order",)),
    (
        NUMERALS,
        (("list(encoder.parameters()) + list(decoder.parameters())", "list(decoder.parameters())"),),
        ("parameter-not-in-optimiser",),
    ),
    (
        NUMERALS,
        (("torch.softmax(scores, dim=-1)", "torch.softmax(scores, dim=0)"),),
        ("softmax-wrong-dim", "examples-mixed"),
    ),
    (NUMERALS, (("torch.softmax(scores, dim=-1)", "torch.softmax(scores, dim=1)"),), ("softmax-wrong-dim",)),
    (
        NUMERALS,
        (
            (
                "class Decoder(nn.Module):\n    def __init__(self, vocab, hidden):\n        super().__init__()\n",
                "class Decoder(nn.Module):\n    def __init__(self, vocab, hidden):\n        super().__init__()\n        self.drop = nn.Dropout(0.3)\n",
            ),
            ("self.gru(self.embedding(tgt), hidden)", "self.gru(self.drop(self.embedding(tgt)), hidden)"),
            ("    decoder.eval()\n", ""),
        ),
        ("train-mode-in-evaluation",),
    ),
    (NUMERALS, (("numbers[:850], numbers[850:]", "numbers[:850], numbers[:150]"),), ("train-validation-overlap",)),
    (NUMERALS, (("right.all(1).float()", "right.float()"),), ("metric-wrong",)),
    (NUMERALS, (("        opt.zero_grad()\n", ""),), ("gradients-accumulate",)),
    (
        NUMERALS,
        (
            (
                "decoder(tgt[:, :-1], hidden, memory, src == PAD)",
                "decoder(tgt[:, :-1], hidden.detach(), memory.detach(), src == PAD)",
            ),
        ),
        ("gradient-does-not-flow",),
    ),
    (
        NUMERALS,
        (
            (
                "        memory, hidden = encoder(src)\n        logits",
                "        src = src[torch.randperm(len(src))]\n        memory, hidden = encoder(src)\n        logits",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        NUMERALS,
        (("token = logits[:, -1:].argmax(-1)", "token = torch.multinomial(logits[:, -1].softmax(-1), 1)"),),
        ("evaluation-not-deterministic",),
    ),
    (
        NUMERALS,
        (
            ("self.out = nn.Linear(2 * hidden, vocab)", "self.out = nn.Linear(2 * hidden, vocab - 1)"),
            ("reshape(-1, 13)", "reshape(-1, 12)"),
        ),
        ("label-out-of-range",),
    ),
    (
        NUMERALS,
        (
            (
                "return self.out(torch.cat([out, context], dim=-1)), hidden",
                "return self.out(torch.cat([out, context], dim=-1)).softmax(-1), hidden",
            ),
        ),
        ("loss-expects-logits",),
    ),
    (NUMERALS, (("lr=4e-3", "lr=0.3"),), ("learning-rate-too-high",)),
]

ACCUSED_ONCE = (
    "streams[:, i + 1 : i + 1 + length].t()",
    "shuffle=False",
    "(tgt[:, 1:] != PAD).sum()",
)
MISSED_ONCE = (
    "y = streams[:, i : i + length]",
    "view(steps, batch_size).t()",
    "bidirectional=True)",
    "data[int(0.8 * len(data)) :]",
    "documents[:750], documents[600:750]",
    "tokens = sorted(tokens, key=len",
    "scores.view(len(scores), len(TAGS), -1)",
    "self.values[i + WINDOW - 1, 0]",
    "series.mean(axis=0)",
    "random_split(whole",
    "            self.scheduler.step()\n            val_acc",
    "tgt[:, :-1].reshape(-1))",
    "total += tags.numel()",
    "padding_value=0",
    "token = torch.multinomial(",
    "lr: float = 0.3",
    "(series[train_end:val_end] - series.min(0))",
)
