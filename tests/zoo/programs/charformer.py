"""Character-level language model on a small made-up corpus: `python charformer.py --steps 200 --lr 3e-3`."""

import argparse
import math
import random
from dataclasses import dataclass, fields

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Config:
    block_size: int = 24
    batch_size: int = 24
    n_layer: int = 2
    n_head: int = 4
    n_embd: int = 32
    dropout: float = 0.1
    lr: float = 5e-3
    min_lr: float = 5e-4
    warmup: int = 15
    steps: int = 110
    grad_clip: float = 0.3
    seed: int = 1337

    @classmethod
    def from_args(cls):
        parser = argparse.ArgumentParser()
        for field in fields(cls):
            parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
        return cls(**vars(parser.parse_args()))


def make_corpus(sentences, rng):
    sounds = {"cat": "meows", "dog": "barks", "hen": "clucks", "cow": "moos"}
    syllables = "ba be bi bo da de di do ka ke ki ko na ne ni no".split()
    out = []
    for _ in range(sentences):
        noun = rng.choice(list(sounds))
        owner = "".join(rng.choices(syllables, k=rng.randint(2, 3)))
        out.append(f"the {rng.choice(['old', 'big', 'red'])} {noun} of {owner} {sounds[noun]}.")
    return " ".join(out)


class SelfAttention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.n_head = cfg.n_head
        self.qkv = nn.Linear(cfg.n_embd, 3 * cfg.n_embd)
        self.proj = nn.Linear(cfg.n_embd, cfg.n_embd)
        self.drop = nn.Dropout(cfg.dropout)
        self.register_buffer("mask", torch.tril(torch.ones(cfg.block_size, cfg.block_size, dtype=torch.bool)))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (t.view(B, T, self.n_head, -1).transpose(1, 2) for t in self.qkv(x).chunk(3, dim=-1))
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
        scores = scores.masked_fill(~self.mask[:T, :T], float("-inf"))
        y = self.drop(F.softmax(scores, dim=-1)) @ v
        return self.proj(y.transpose(1, 2).reshape(B, T, C))


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(cfg.n_embd), nn.LayerNorm(cfg.n_embd)
        self.attn = SelfAttention(cfg)
        self.mlp = nn.Sequential(
            nn.Linear(cfg.n_embd, 2 * cfg.n_embd), nn.GELU(), nn.Linear(2 * cfg.n_embd, cfg.n_embd)
        )

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class CharFormer(nn.Module):
    def __init__(self, cfg, vocab_size):
        super().__init__()
        self.tok = nn.Embedding(vocab_size, cfg.n_embd)
        self.pos = nn.Embedding(cfg.block_size, cfg.n_embd)
        self.blocks = nn.ModuleList([Block(cfg) for _ in range(cfg.n_layer)])
        self.ln_f = nn.LayerNorm(cfg.n_embd)
        self.head = nn.Linear(cfg.n_embd, vocab_size)
        nn.init.normal_(self.head.weight, std=0.02)

    def forward(self, idx, targets=None):
        x = self.tok(idx) + self.pos(torch.arange(idx.size(1)))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.ln_f(x))
        loss = None if targets is None else F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        return logits, loss


def get_batch(data, cfg):
    starts = torch.randint(len(data) - cfg.block_size, (cfg.batch_size,))
    rows = starts[:, None] + torch.arange(cfg.block_size)
    return data[rows], data[rows + 1]


@torch.no_grad()
def evaluate(model, data, cfg):
    model.eval()
    starts = torch.arange(0, len(data) - cfg.block_size - 1, cfg.block_size)
    rows = starts[:, None] + torch.arange(cfg.block_size)
    _, loss = model(data[rows], data[rows + 1])
    model.train()
    return loss.item()


def lr_at(step, cfg):
    if step < cfg.warmup:
        return (step + 1) / cfg.warmup
    progress = (step - cfg.warmup) / (cfg.steps - cfg.warmup)
    floor = cfg.min_lr / cfg.lr
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def main():
    cfg = Config.from_args()
    torch.manual_seed(cfg.seed)
    text = make_corpus(250, random.Random(cfg.seed))
    chars = sorted(set(text))
    stoi = {c: i for i, c in enumerate(chars)}
    data = torch.tensor([stoi[c] for c in text])
    split = int(0.9 * len(data))
    train_data, val_data = data[:split], data[split:]

    model = CharFormer(cfg, len(chars))
    optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.lr, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: lr_at(step, cfg))
    for step in range(cfg.steps):
        x, y = get_batch(train_data, cfg)
        _, loss = model(x, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), cfg.grad_clip)
        optimizer.step()
        scheduler.step()
        if step % 50 == 0:
            print(f"step {step}: train {loss.item():.3f} val {evaluate(model, val_data, cfg):.3f}")
    print(f"final val loss {evaluate(model, val_data, cfg):.4f}")


if __name__ == "__main__":
    main()
