"""Language, decisions and relations as people write them: a GPT, reviews, Q-learning, an actor-critic, a graph, word vectors.

Right ways to write a line of them that the doctor must not accuse, and wrong ones that it must name.
"""

from zoo.plain import Patch

GPT = r'''"""minGPT on sentences of a toy grammar (so that it runs without any download)"""
import math
import random
from dataclasses import dataclass

import torch
import torch.nn as nn
from torch.nn import functional as F

torch.manual_seed(1337)
rng = random.Random(42)
NOUNS = "cat dog bird fox horse child farmer sailor wizard queen robot baker".split()
VERBS = "see chase hear follow greet paint help find".split()
ADJ = "old small red quiet brave hungry clever".split()
PLACES = "near the river;in the garden;under a bridge;on the hill;behind the barn".split(";")


def noun_phrase():
    plural = rng.random() < 0.4
    noun = rng.choice(NOUNS) if rng.random() < 0.5 else rng.choice(ADJ) + " " + rng.choice(NOUNS)
    return ("the " + noun + "s", True) if plural else (rng.choice(["a ", "the "]) + noun, False)


def sentence():
    subject, plural = noun_phrase()
    verb = rng.choice(VERBS)
    obj, _ = noun_phrase()
    where = " " + rng.choice(PLACES) if rng.random() < 0.5 else ""
    return f"{subject} {verb if plural else verb + 's'} {obj}{where}.\n"


text = "".join(sentence() for _ in range(1500))
chars = sorted(list(set(text)))
vocab_size = len(chars)
stoi = {ch: i for i, ch in enumerate(chars)}
itos = {i: ch for i, ch in enumerate(chars)}
encode = lambda s: [stoi[c] for c in s]
decode = lambda l: "".join(itos[i] for i in l)
data = torch.tensor(encode(text), dtype=torch.long)
n = int(0.9 * len(data))
train_data, val_data = data[:n], data[n:]

# hyperparameters
batch_size = 16
block_size = 32
max_iters = 150
eval_interval = 50
eval_iters = 5
learning_rate = 5e-3
warmup_iters = 20


@dataclass
class GPTConfig:
    n_layer: int = 2
    n_head: int = 4
    n_embd: int = 32
    dropout: float = 0.1


class CausalSelfAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.n_head = config.n_head
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd)
        self.attn_dropout = nn.Dropout(config.dropout)
        self.register_buffer("mask", torch.tril(torch.ones(block_size, block_size)).view(1, 1, block_size, block_size))

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(C, dim=2)
        k = k.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)  # (B, nh, T, hs)
        q = q.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        v = v.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf"))
        att = F.softmax(att, dim=-1)
        att = self.attn_dropout(att)
        y = att @ v
        y = y.transpose(1, 2).contiguous().view(B, T, C)
        return self.c_proj(y)


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd)
        self.mlp = nn.Sequential(
            nn.Linear(config.n_embd, 4 * config.n_embd),
            nn.GELU(),
            nn.Linear(4 * config.n_embd, config.n_embd),
            nn.Dropout(config.dropout),
        )

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        x = x + self.mlp(self.ln_2(x))
        return x


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.wte = nn.Embedding(vocab_size, config.n_embd)
        self.wpe = nn.Embedding(block_size, config.n_embd)
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.n_layer)])
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.lm_head = nn.Linear(config.n_embd, vocab_size, bias=False)

    def forward(self, idx, targets=None):
        B, T = idx.size()
        pos = torch.arange(T)
        x = self.drop(self.wte(idx) + self.wpe(pos))
        for block in self.blocks:
            x = block(x)
        logits = self.lm_head(self.ln_f(x))
        loss = None
        if targets is not None:
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))
        return logits, loss

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, temperature=1.0):
        for _ in range(max_new_tokens):
            logits, _ = self(idx[:, -block_size:])
            probs = F.softmax(logits[:, -1, :] / temperature, dim=-1)
            idx = torch.cat((idx, torch.multinomial(probs, num_samples=1)), dim=1)
        return idx


def get_batch(split):
    source = train_data if split == "train" else val_data
    ix = torch.randint(len(source) - block_size, (batch_size,))
    x = torch.stack([source[i : i + block_size] for i in ix])
    y = torch.stack([source[i + 1 : i + block_size + 1] for i in ix])
    return x, y


model = GPT(GPTConfig())
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)


def lr_lambda(it):
    if it < warmup_iters:
        return (it + 1) / warmup_iters
    progress = (it - warmup_iters) / (max_iters - warmup_iters)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * progress))


scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda)


@torch.no_grad()
def estimate_loss():
    out = {}
    model.eval()
    for split in ["train", "val"]:
        losses = torch.zeros(eval_iters)
        for k in range(eval_iters):
            X, Y = get_batch(split)
            logits, loss = model(X, Y)
            losses[k] = loss.item()
        out[split] = losses.mean().item()
    model.train()
    return out


for it in range(max_iters):
    if it % eval_interval == 0 or it == max_iters - 1:
        losses = estimate_loss()
        print(f"step {it}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}, val perplexity {math.exp(losses['val']):.2f}")
    xb, yb = get_batch("train")
    logits, loss = model(xb, yb)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()

model.eval()
print(decode(model.generate(torch.zeros((1, 1), dtype=torch.long), 60)[0].tolist()))
'''

REVIEWS = r"""# Sentiment analysis with a packed bi-directional LSTM
import random
import re
from collections import Counter

import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

SEED = 1234
random.seed(SEED)
np.random.seed(SEED)
torch.manual_seed(SEED)

GOOD = "great wonderful touching funny brilliant charming gripping superb lovely clever fresh".split()
BAD = "dull awful boring messy weak terrible clumsy tedious silly flat annoying".split()
PARTS = "plot acting script music ending camera dialogue cast pacing story humour photography".split()
FILLER = "We saw it last night with friends;The cinema was nearly empty;It runs for two hours;My brother chose it;I had read the book;There was popcorn".split(";")


def make_review():
    label = random.random() < 0.45
    clauses = []
    for _ in range(random.randint(2, 5)):
        agrees = random.random() < 0.85
        good = bool(label) == agrees
        negated = random.random() < 0.25
        word = random.choice(GOOD if good != negated else BAD)
        clauses.append(f"the {random.choice(PARTS)} was {'not ' if negated else ''}{'really ' if random.random() < 0.2 else ''}{word}")
    for _ in range(random.randint(0, 2)):
        clauses.insert(random.randint(0, len(clauses)), random.choice(FILLER))
    return ", ".join(clauses).capitalize() + random.choice([".", "!", "..."]), "pos" if label else "neg"


reviews = [make_review() for _ in range(800)]
#REVIEWS
train_rows, valid_rows = reviews[:600], reviews[600:]


def tokenize(text):
    return re.findall(r"[a-z]+", text.lower())


counter = Counter(token for text, _ in train_rows for token in tokenize(text))
itos = ["<unk>", "<pad>"] + [w for w, c in counter.most_common() if c >= 2]
stoi = {w: i for i, w in enumerate(itos)}
UNK, PAD = stoi["<unk>"], stoi["<pad>"]


class ReviewDataset(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        text, label = self.rows[index]
        ids = [stoi.get(token, UNK) for token in tokenize(text)]
        return torch.tensor(ids), torch.tensor(1.0 if label == "pos" else 0.0)


def collate(batch):
    texts = [ids for ids, _ in batch]
    labels = torch.stack([label for _, label in batch])
    lengths = torch.tensor([len(ids) for ids in texts])
    return pad_sequence(texts, batch_first=True, padding_value=PAD), lengths, labels


class LSTMClassifier(nn.Module):
    def __init__(self, vocab_size, embedding_dim=32, hidden_dim=32, n_layers=1, dropout=0.3):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=PAD)
        self.rnn = nn.LSTM(embedding_dim, hidden_dim, num_layers=n_layers, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(hidden_dim * 2, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, text, text_lengths):
        embedded = self.dropout(self.embedding(text))
        packed = pack_padded_sequence(embedded, text_lengths, batch_first=True, enforce_sorted=False)
        packed_output, (hidden, cell) = self.rnn(packed)
        hidden = torch.cat((hidden[-2], hidden[-1]), dim=1)
        return self.fc(self.dropout(hidden)).squeeze(1)


BATCH_SIZE = 32
train_iterator = DataLoader(ReviewDataset(train_rows), batch_size=BATCH_SIZE, shuffle=True, collate_fn=collate)
valid_iterator = DataLoader(ReviewDataset(valid_rows), batch_size=BATCH_SIZE, collate_fn=collate)

model = LSTMClassifier(len(itos))
#MODEL
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.BCEWithLogitsLoss()


def train(model, iterator):
    model.train()
    epoch_loss, correct, seen = 0.0, 0, 0
    for text, lengths, label in iterator:
        optimizer.zero_grad()
        predictions = model(text, lengths)
        loss = criterion(predictions, label)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(label)
        correct += ((predictions > 0).float() == label).sum().item()
        seen += len(label)
    return epoch_loss / seen, correct / seen


def evaluate(model, iterator):
    model.eval()
    epoch_loss, seen = 0.0, 0
    tp = fp = fn = correct = 0
    with torch.no_grad():
        for text, lengths, label in iterator:
            predictions = model(text, lengths)
            loss = criterion(predictions, label)
            epoch_loss += loss.item() * len(label)
            seen += len(label)
            rounded = torch.round(torch.sigmoid(predictions))
            correct += (rounded == label).sum().item()
            tp += ((rounded == 1) & (label == 1)).sum().item()
            fp += ((rounded == 1) & (label == 0)).sum().item()
            fn += ((rounded == 0) & (label == 1)).sum().item()
    precision, recall = tp / max(tp + fp, 1), tp / max(tp + fn, 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-8)
    return epoch_loss / seen, correct / seen, f1


N_EPOCHS = 5
for epoch in range(N_EPOCHS):
    train_loss, train_acc = train(model, train_iterator)
    valid_loss, valid_acc, valid_f1 = evaluate(model, valid_iterator)
    print(f"Epoch: {epoch + 1:02} | Train Loss: {train_loss:.3f} | Train Acc: {train_acc * 100:.2f}%")
    print(f"\t Val. Loss: {valid_loss:.3f} |  Val. Acc: {valid_acc * 100:.2f}% | Val. F1: {valid_f1:.3f}")
"""

DQN = r"""# Deep Q-learning on a slippery-free frozen lake of our own, as in the official DQN tutorial
import math
import random
from collections import deque, namedtuple

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

seed = 3
random.seed(seed)
np.random.seed(seed)
torch.manual_seed(seed)

LAKE = ["S...H", ".H...", "...H.", "H....", "...HG"]
MOVES = [(-1, 0), (0, 1), (1, 0), (0, -1)]
Transition = namedtuple("Transition", ("state", "action", "reward", "next_state", "done"))


class Lake:
    def __init__(self, size=5, limit=30):
        self.size, self.limit = size, limit

    def observe(self):
        state = np.zeros(self.size * self.size, dtype=np.float32)
        state[self.row * self.size + self.col] = 1.0
        return state

    def reset(self):
        while True:
            self.row, self.col, self.t = random.randrange(self.size), random.randrange(self.size), 0
            if LAKE[self.row][self.col] in "S.":
                return self.observe()

    def step(self, action):
        dr, dc = MOVES[action]
        self.row = min(max(self.row + dr, 0), self.size - 1)
        self.col = min(max(self.col + dc, 0), self.size - 1)
        self.t += 1
        cell = LAKE[self.row][self.col]
        reward = {"H": -1.0, "G": 1.0}.get(cell, -0.04)
        return self.observe(), reward, cell in "HG", self.t >= self.limit


class ReplayMemory:
    def __init__(self, capacity):
        self.memory = deque([], maxlen=capacity)

    def push(self, *args):
        self.memory.append(Transition(*args))

    def sample(self, batch_size):
        return random.sample(self.memory, batch_size)

    def __len__(self):
        return len(self.memory)


class QNet(nn.Module):
    def __init__(self, n_observations, n_actions):
        super().__init__()
        self.layer1 = nn.Linear(n_observations, 64)
        self.layer2 = nn.Linear(64, 64)
        self.layer3 = nn.Linear(64, n_actions)

    def forward(self, x):
        x = F.relu(self.layer1(x))
        x = F.relu(self.layer2(x))
        return self.layer3(x)


BATCH_SIZE, GAMMA, LR = 64, 0.95, 2e-3
EPS_START, EPS_END, EPS_DECAY = 0.9, 0.05, 400
TARGET_UPDATE = 50

env = Lake()
policy_net = QNet(25, 4)
target_net = QNet(25, 4)
target_net.load_state_dict(policy_net.state_dict())
optimizer = optim.Adam(policy_net.parameters(), lr=LR)
memory = ReplayMemory(5000)
steps_done = 0


def select_action(state):
    eps = EPS_END + (EPS_START - EPS_END) * math.exp(-steps_done / EPS_DECAY)
    if random.random() < eps:
        return random.randrange(4)
    with torch.no_grad():
        return policy_net(torch.from_numpy(state).unsqueeze(0)).argmax(1).item()


def optimize_model():
    if len(memory) < 200:
        return None
    batch = Transition(*zip(*memory.sample(BATCH_SIZE)))
    states = torch.tensor(np.array(batch.state))
    actions = torch.tensor(batch.action).unsqueeze(1)
    rewards = torch.tensor(batch.reward, dtype=torch.float32)
    next_states = torch.tensor(np.array(batch.next_state))
    dones = torch.tensor(batch.done, dtype=torch.float32)
    q = policy_net(states).gather(1, actions).squeeze(1)
    with torch.no_grad():
        next_q = target_net(next_states).max(1).values
        target = rewards + GAMMA * next_q * (1 - dones)
    loss = F.smooth_l1_loss(q, target)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_value_(policy_net.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def evaluate(episodes=20):
    policy_net.eval()
    returns = []
    for _ in range(episodes):
        state, total, over = env.reset(), 0.0, False
        while not over:
            with torch.no_grad():
                action = policy_net(torch.from_numpy(state)[None]).argmax(1).item()
            state, reward, done, truncated = env.step(action)
            total, over = total + reward, done or truncated
        returns.append(total)
    policy_net.train()
    return np.mean(returns)


losses = []
for episode in range(120):
    state, over = env.reset(), False
    while not over:
        action = select_action(state)
        next_state, reward, done, truncated = env.step(action)
        memory.push(state, action, reward, next_state, done)
        state, over = next_state, done or truncated
        steps_done += 1
        loss = optimize_model()
        if loss is not None:
            losses.append(loss)
        if steps_done % TARGET_UPDATE == 0:
            target_net.load_state_dict(policy_net.state_dict())
    if episode % 30 == 29:
        print(f"episode {episode + 1} steps {steps_done} td loss {np.mean(losses[-100:]):.4f} greedy return {evaluate():.3f}")
"""

ACTOR = r'''import torch
from torch import nn, optim
from torch.distributions import Categorical

torch.manual_seed(7)
torch.set_default_dtype(torch.float32)


class Carts:
    """n cart-poles at once (Barto, Sutton and Anderson); those that fall start again."""

    def __init__(self, n):
        self.n = n

    def fresh(self, n):
        return (torch.rand(n, 4) - 0.5) * 0.1

    def reset(self):
        self.state, self.age = self.fresh(self.n), torch.zeros(self.n)
        return self.state.clone()

    def step(self, action):
        x, v, a, w = self.state.unbind(1)
        force = 10.0 * (2 * action.float() - 1)
        cos, sin = a.cos(), a.sin()
        temp = (force + 0.05 * w**2 * sin) / 1.1
        alpha = (9.8 * sin - cos * temp) / (0.5 * (4 / 3 - 0.1 * cos**2 / 1.1))
        acc = temp - 0.05 * alpha * cos / 1.1
        self.state = torch.stack([x + 0.02 * v, v + 0.02 * acc, a + 0.02 * w, w + 0.02 * alpha], 1)
        self.age += 1
        done = (self.state[:, 0].abs() > 2.4) | (self.state[:, 2].abs() > 0.21) | (self.age >= 200)
        if done.any():
            self.state[done], self.age[done] = self.fresh(int(done.sum())), 0
        return self.state.clone(), torch.ones(self.n), done.float()


SCALE = torch.tensor([2.4, 2.0, 0.21, 2.0])


class ActorCritic(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.affine1 = nn.Linear(4, hidden)
        self.affine2 = nn.Linear(hidden, hidden)
        self.action_head = nn.Linear(hidden, 2)
        self.value_head = nn.Linear(hidden, 1)

    def forward(self, x):
        x = torch.tanh(self.affine1(x))
        x = torch.tanh(self.affine2(x))
        return self.action_head(x), self.value_head(x).squeeze(-1)


num_envs, num_steps, gamma, entropy_coef, value_coef = 16, 16, 0.97, 0.01, 0.05
envs = Carts(num_envs)
model = ActorCritic()
optimizer = optim.Adam(model.parameters(), lr=4e-3)
obs = envs.reset()


def returns_of(rewards, dones, last_value):
    R, out = last_value, []
    for r, d in zip(reversed(rewards), reversed(dones)):
        R = r + gamma * R * (1 - d)
        out.insert(0, R)
    return torch.stack(out)


@torch.no_grad()
def evaluate(n=10, horizon=120):
    model.eval()
    test_envs = Carts(n)
    state, alive, steps = test_envs.reset(), torch.ones(n), torch.zeros(n)
    for _ in range(horizon):
        logits, _ = model(state / SCALE)
        state, _, done = test_envs.step(logits.argmax(1))
        steps += alive
        alive = alive * (1 - done)
    model.train()
    return steps.mean().item()


for update in range(60):
    log_probs, values, rewards, dones, entropies = [], [], [], [], []
    for step in range(num_steps):
        logits, value = model(obs / SCALE)
        dist = Categorical(logits=logits)
        action = dist.sample()
        obs, reward, done = envs.step(action)
        log_probs.append(dist.log_prob(action))
        entropies.append(dist.entropy())
        values.append(value)
        rewards.append(reward)
        dones.append(done)
    with torch.no_grad():
        _, last_value = model(obs / SCALE)
    returns = returns_of(rewards, dones, last_value)
    log_probs, values, entropies = torch.stack(log_probs), torch.stack(values), torch.stack(entropies)
    advantage = returns - values
    actor_loss = -(log_probs * advantage.detach()).mean()
    critic_loss = advantage.pow(2).mean()
    loss = actor_loss + value_coef * critic_loss - entropy_coef * entropies.mean()

    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    optimizer.step()
    if (update + 1) % 15 == 0:
        print(f"update {update + 1:3d} actor {actor_loss.item():.3f} critic {critic_loss.item():.2f} mean episode length {evaluate():.1f}")
'''

GCN = r'''"""Kipf & Welling's GCN on a citation-like graph (planted partition, bag of words)."""
import argparse
import time

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.nn.parameter import Parameter

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=42)
parser.add_argument("--epochs", type=int, default=100)
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument("--weight_decay", type=float, default=5e-4)
parser.add_argument("--hidden", type=int, default=16)
parser.add_argument("--dropout", type=float, default=0.5)
args = parser.parse_args([])
np.random.seed(args.seed)
torch.manual_seed(args.seed)


def make_graph(n=600, n_class=5, n_words=120):
    y = np.random.randint(0, n_class, n)
    same = y[:, None] == y[None, :]
    edges = np.triu(np.random.rand(n, n) < np.where(same, 0.03, 0.003), 1)
    topics = np.random.dirichlet(np.full(n_words, 0.25), n_class)
    words = np.stack([np.random.multinomial(14, 0.45 * topics[c] + 0.55 / n_words) for c in y])
    return sp.csr_matrix(edges, dtype=np.float32), (words > 0).astype(np.float32), y


def normalize(mx):
    """Row-normalise a sparse matrix"""
    rowsum = np.array(mx.sum(1)).flatten()
    r_inv = np.power(rowsum, -1.0, where=rowsum > 0, out=np.zeros_like(rowsum))
    return sp.diags(r_inv).dot(mx)


def load_data():
    adj, features, labels = make_graph()
    adj = adj + adj.T
    features = features / features.sum(1, keepdims=True).clip(1)
    adj = normalize(adj + sp.eye(adj.shape[0], dtype=np.float32))
    perm = np.random.permutation(len(labels))
    idx_train, idx_val, idx_test = perm[:120], perm[120:300], perm[300:]
    return (
        torch.FloatTensor(np.array(adj.todense())),
        torch.FloatTensor(features * 10),
        torch.LongTensor(labels),
        torch.LongTensor(idx_train),
        torch.LongTensor(idx_val),
        torch.LongTensor(idx_test),
    )


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.weight = Parameter(torch.empty(in_features, out_features))
        self.bias = Parameter(torch.empty(out_features)) if bias else None
        stdv = 1.0 / out_features**0.5
        self.weight.data.uniform_(-stdv, stdv)
        if self.bias is not None:
            self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input, adj):
        support = torch.mm(input, self.weight)
        output = torch.mm(adj, support)
        return output if self.bias is None else output + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super().__init__()
        self.gc1 = GraphConvolution(nfeat, nhid)
        self.gc2 = GraphConvolution(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        x = self.gc2(x, adj)
        return F.log_softmax(x, dim=1)


def accuracy(output, labels):
    preds = output.max(1)[1].type_as(labels)
    correct = preds.eq(labels).double()
    correct = correct.sum()
    return correct / len(labels)


adj, features, labels, idx_train, idx_val, idx_test = load_data()
#DATA
model = GCN(features.shape[1], args.hidden, int(labels.max()) + 1, args.dropout)
optimizer = optim.Adam(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)


def train(epoch):
    t = time.time()
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss_train = F.nll_loss(output[idx_train], labels[idx_train])
    acc_train = accuracy(output[idx_train], labels[idx_train])
    loss_train.backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        output = model(features, adj)
        loss_val = F.nll_loss(output[idx_val], labels[idx_val])
        acc_val = accuracy(output[idx_val], labels[idx_val])
    if epoch % 20 == 19:
        print(f"Epoch: {epoch + 1:04d} loss_train: {loss_train.item():.4f} acc_train: {acc_train.item():.4f} loss_val: {loss_val.item():.4f} acc_val: {acc_val.item():.4f}")


def test():
    model.eval()
    with torch.no_grad():
        output = model(features, adj)
        loss_test = F.nll_loss(output[idx_test], labels[idx_test])
        acc_test = accuracy(output[idx_test], labels[idx_test])
    print("Test set results:", f"loss= {loss_test.item():.4f}", f"accuracy= {acc_test.item():.4f}")


for epoch in range(args.epochs):
    train(epoch)
print("Optimization Finished!")
test()
'''

SKIPGRAM = r"""# word2vec, skip-gram with negative sampling; checked by the topic of a word's nearest neighbours
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
rng = np.random.default_rng(5)
torch.manual_seed(5)
TOPICS = {
    "sea": "ship wave sailor harbour whale storm anchor mast tide gull".split(),
    "farm": "plough cow barn wheat hay tractor fence goat mill seed".split(),
    "city": "tram street tower crowd office bridge lamp market taxi square".split(),
    "space": "star rocket orbit planet comet crater probe moon engine dust".split(),
}
COMMON = "the a of and in with".split()
words = [w for ws in TOPICS.values() for w in ws] + COMMON
word2id = {w: i for i, w in enumerate(words)}
topic_of = np.array([t for t, ws in enumerate(TOPICS.values()) for _ in ws])
corpus = []
for _ in range(900):
    ws = list(TOPICS.values())[rng.integers(4)]
    corpus.append([word2id[COMMON[rng.integers(6)] if rng.random() < 0.35 else ws[rng.integers(10)]] for _ in range(8)])
pairs = [(s[i], s[j]) for s in corpus for i in range(8) for j in range(max(0, i - 2), min(8, i + 3)) if i != j]
pairs = torch.tensor(pairs)
freq = torch.bincount(pairs[:, 0], minlength=len(words)).float() ** 0.75
V, DIM, NEG = len(words), 16, 5

class SkipGram(nn.Module):
    def __init__(self):
        super().__init__()
        self.u_embeddings = nn.Embedding(V, DIM)
        self.v_embeddings = nn.Embedding(V, DIM)
        nn.init.uniform_(self.u_embeddings.weight, -0.5 / DIM, 0.5 / DIM)
        nn.init.zeros_(self.v_embeddings.weight)
    def forward(self, u, pos, neg):
        eu, ev, en = self.u_embeddings(u), self.v_embeddings(pos), self.v_embeddings(neg)
        pos_score = (eu * ev).sum(1)
        neg_score = torch.bmm(en, eu.unsqueeze(2)).squeeze(2)
        return -(F.logsigmoid(pos_score) + F.logsigmoid(-neg_score).sum(1)).mean()

model = SkipGram()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(3):
    order = torch.randperm(len(pairs))
    running = 0.0
    for start in range(0, len(pairs), 256):
        batch = pairs[order[start:start + 256]]
        neg = torch.multinomial(freq, len(batch) * NEG, replacement=True).view(len(batch), NEG)
        optimizer.zero_grad()
        loss = model(batch[:, 0], batch[:, 1], neg)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(batch)
    with torch.no_grad():
        E = F.normalize(model.u_embeddings.weight[:40], dim=1)
        sim = E @ E.T
        sim.fill_diagonal_(-1)
        hits = (topic_of[sim.argmax(1).numpy()] == topic_of).mean()
    print(f"epoch {epoch}: loss {running / len(pairs):.4f}, nearest neighbour of the same topic {hits:.3f}")
"""

RIGHT: list[tuple[str, Patch]] = [
    (
        GPT,
        (
            (
                "        self.lm_head = nn.Linear(config.n_embd, vocab_size, bias=False)\n",
                "        self.lm_head = nn.Linear(config.n_embd, vocab_size, bias=False)\n        self.wte.weight = self.lm_head.weight\n        nn.init.normal_(self.wte.weight, std=0.05)\n        nn.init.normal_(self.wpe.weight, std=0.02)\n",
            ),
        ),
    ),
    (
        GPT,
        (
            (
                '        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))\n        att = att.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf"))\n        att = F.softmax(att, dim=-1)\n        att = self.attn_dropout(att)\n        y = att @ v\n',
                "        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=0.1 if self.training else 0.0)\n",
            ),
        ),
    ),
    (
        GPT,
        (
            (
                '        att = att.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf"))\n',
                "        att = att + torch.triu(torch.full((T, T), -1e9), diagonal=1)\n",
            ),
        ),
    ),
    (
        GPT,
        (
            (
                "        x = x + self.attn(self.ln_1(x))\n        x = x + self.mlp(self.ln_2(x))\n",
                "        x = self.ln_1(x + self.attn(x))\n        x = self.ln_2(x + self.mlp(x))\n",
            ),
        ),
    ),
    (
        GPT,
        (
            (
                "        self.wpe = nn.Embedding(block_size, config.n_embd)\n",
                '        freqs = torch.exp(torch.arange(0, config.n_embd, 2) * (-math.log(10000.0) / config.n_embd))\n        angles = torch.arange(block_size).unsqueeze(1) * freqs\n        self.register_buffer("pe", torch.cat([angles.sin(), angles.cos()], dim=1))\n',
            ),
            ("self.wte(idx) + self.wpe(pos)", "self.wte(idx) * math.sqrt(32) + self.pe[:T]"),
        ),
    ),
    (
        GPT,
        (
            (
                "            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))\n",
                "            logp = torch.log_softmax(logits, dim=-1)\n            loss = -logp.gather(2, targets.unsqueeze(-1)).mean()\n",
            ),
        ),
    ),
    (
        GPT,
        (
            (
                "            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))\n",
                "            loss = F.cross_entropy(logits.transpose(1, 2), targets, label_smoothing=0.0)\n",
            ),
        ),
    ),
    (
        GPT,
        (
            (
                '    xb, yb = get_batch("train")\n    logits, loss = model(xb, yb)\n    optimizer.zero_grad(set_to_none=True)\n    loss.backward()\n',
                '    optimizer.zero_grad(set_to_none=True)\n    for micro_step in range(2):\n        xb, yb = get_batch("train")\n        logits, loss = model(xb, yb)\n        (loss / 2).backward()\n',
            ),
        ),
    ),
    (
        GPT,
        (
            (
                "optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)\n",
                'decay = [p for p in model.parameters() if p.dim() >= 2]\nno_decay = [p for p in model.parameters() if p.dim() < 2]\noptimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": no_decay, "weight_decay": 0.0}], lr=learning_rate, betas=(0.9, 0.95))\n',
            ),
        ),
    ),
    (
        GPT,
        (
            (
                "model = GPT(GPTConfig())\n",
                "def init_weights(module):\n    if isinstance(module, (nn.Linear, nn.Embedding)):\n        nn.init.normal_(module.weight, mean=0.0, std=0.02)\n    if isinstance(module, nn.Linear) and module.bias is not None:\n        nn.init.zeros_(module.bias)\n\n\nmodel = GPT(GPTConfig()).apply(init_weights)\n",
            ),
        ),
    ),
    (
        GPT,
        (
            ("scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda)\n", ""),
            ("    scheduler.step()\n", ""),
            (
                '    xb, yb = get_batch("train")\n',
                '    for group in optimizer.param_groups:\n        group["lr"] = learning_rate * lr_lambda(it)\n    xb, yb = get_batch("train")\n',
            ),
        ),
    ),
    (
        GPT,
        (
            (
                "scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda)\n",
                "scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=learning_rate, total_steps=max_iters, pct_start=0.1)\n",
            ),
        ),
    ),
    (
        GPT,
        (
            (
                "scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda)\n",
                "warm = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.05, total_iters=warmup_iters)\ncosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max_iters - warmup_iters, eta_min=5e-4)\nscheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, cosine], milestones=[warmup_iters])\n",
            ),
        ),
    ),
    (
        GPT,
        (
            (
                "        losses = torch.zeros(eval_iters)\n        for k in range(eval_iters):\n            X, Y = get_batch(split)\n            logits, loss = model(X, Y)\n            losses[k] = loss.item()\n        out[split] = losses.mean().item()\n",
                '        source = (train_data if split == "train" else val_data)[:3000]\n        nll, tokens = 0.0, 0\n        for i in range(0, len(source) - 1, block_size):\n            chunk = source[i : i + block_size + 1]\n            if len(chunk) < 2:\n                break\n            logits, _ = model(chunk[None, :-1])\n            nll += F.cross_entropy(logits[0], chunk[1:], reduction="sum").item()\n            tokens += len(chunk) - 1\n        out[split] = nll / tokens\n',
            ),
        ),
    ),
    (
        GPT,
        (
            (
                "            probs = F.softmax(logits[:, -1, :] / temperature, dim=-1)\n",
                '            logits = logits[:, -1, :] / temperature\n            v, _ = torch.topk(logits, 5)\n            logits[logits < v[:, [-1]]] = -float("inf")\n            probs = F.softmax(logits, dim=-1)\n',
            ),
        ),
    ),
    (
        GPT,
        (
            (
                '    xb, yb = get_batch("train")\n    logits, loss = model(xb, yb)\n',
                '    xb, yb = get_batch("train")\n    with torch.autocast("cpu", dtype=torch.bfloat16):\n        logits, loss = model(xb, yb)\n',
            ),
            ("max_iters = 150", "max_iters = 100"),
        ),
    ),
    (
        GPT,
        (
            (
                "    logits, loss = model(xb, yb)\n    optimizer",
                "    logits, _ = model(xb)\n    z = logits - logits.detach().amax(-1, keepdim=True)\n    loss = (z.exp().sum(-1).log() - (z * F.one_hot(yb, vocab_size)).sum(-1)).mean()\n    optimizer",
            ),
        ),
    ),
    (
        GPT,
        (
            (
                "    x = torch.stack([source[i : i + block_size] for i in ix])\n    y = torch.stack([source[i + 1 : i + block_size + 1] for i in ix])\n",
                "    windows = source[ix.unsqueeze(1) + torch.arange(block_size + 1)]\n    x, y = windows[:, :-1], windows[:, 1:]\n",
            ),
            ("targets.view(-1)", "targets.reshape(-1)"),
        ),
    ),
    (
        GPT,
        (
            (
                "            X, Y = get_batch(split)\n            logits, loss = model(X, Y)\n            losses[k] = loss.item()\n        out[split] = losses.mean().item()\n",
                "            X, Y = get_batch(split)\n            logits, loss = model(X, Y)\n            losses[k] = (logits[:, -8:].argmax(-1) != Y[:, -8:]).float().mean()\n        out[split] = losses.mean().item()\n",
            ),
            (
                "train loss {losses['train']:.4f}, val loss {losses['val']:.4f}, val perplexity {math.exp(losses['val']):.2f}",
                "next-char error train {losses['train']:.4f} val {losses['val']:.4f}",
            ),
        ),
    ),
    (
        REVIEWS,
        (
            (
                "        packed = pack_padded_sequence(embedded, text_lengths, batch_first=True, enforce_sorted=False)\n        packed_output, (hidden, cell) = self.rnn(packed)\n        hidden = torch.cat((hidden[-2], hidden[-1]), dim=1)\n",
                "        mask = (text != PAD).unsqueeze(-1).float()\n        out, _ = self.rnn(embedded)\n        hidden = (out * mask).sum(1) / mask.sum(1)\n",
            ),
        ),
    ),
    (
        REVIEWS,
        (
            (
                "        packed = pack_padded_sequence(embedded, text_lengths, batch_first=True, enforce_sorted=False)\n        packed_output, (hidden, cell) = self.rnn(packed)\n        hidden = torch.cat((hidden[-2], hidden[-1]), dim=1)\n",
                "        out, _ = self.rnn(embedded)\n        out = out.masked_fill((text == PAD).unsqueeze(-1), -1e4)\n        hidden = out.max(dim=1).values\n",
            ),
        ),
    ),
    (
        REVIEWS,
        (
            (
                "    texts = [ids for ids, _ in batch]\n",
                "    batch = sorted(batch, key=lambda row: len(row[0]), reverse=True)\n    texts = [ids for ids, _ in batch]\n",
            ),
            ("enforce_sorted=False", "enforce_sorted=True"),
        ),
    ),
    (
        REVIEWS,
        (
            (
                "        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=PAD)\n        self.rnn = nn.LSTM(embedding_dim, hidden_dim, num_layers=n_layers, bidirectional=True, batch_first=True)\n        self.fc = nn.Linear(hidden_dim * 2, 1)\n",
                '        self.embedding = nn.EmbeddingBag(vocab_size, embedding_dim, mode="mean", padding_idx=PAD)\n        self.fc = nn.Linear(embedding_dim, 1)\n',
            ),
            (
                "        embedded = self.dropout(self.embedding(text))\n        packed = pack_padded_sequence(embedded, text_lengths, batch_first=True, enforce_sorted=False)\n        packed_output, (hidden, cell) = self.rnn(packed)\n        hidden = torch.cat((hidden[-2], hidden[-1]), dim=1)\n",
                "        hidden = self.embedding(text)\n",
            ),
        ),
    ),
    (
        REVIEWS,
        (
            (
                "        self.rnn = nn.LSTM(embedding_dim, hidden_dim, num_layers=n_layers, bidirectional=True, batch_first=True)\n        self.fc = nn.Linear(hidden_dim * 2, 1)\n",
                "        self.convs = nn.ModuleList([nn.Conv1d(embedding_dim, 16, k, padding=k - 1) for k in (2, 3, 4)])\n        self.fc = nn.Linear(48, 1)\n",
            ),
            (
                "        packed = pack_padded_sequence(embedded, text_lengths, batch_first=True, enforce_sorted=False)\n        packed_output, (hidden, cell) = self.rnn(packed)\n        hidden = torch.cat((hidden[-2], hidden[-1]), dim=1)\n",
                "        hidden = torch.cat([torch.relu(conv(embedded.transpose(1, 2))).max(dim=2)[0] for conv in self.convs], dim=1)\n",
            ),
        ),
    ),
    (
        REVIEWS,
        (
            ("self.fc = nn.Linear(hidden_dim * 2, 1)", "self.fc = nn.Linear(hidden_dim * 2, 2)"),
            ("self.fc(self.dropout(hidden)).squeeze(1)", "self.fc(self.dropout(hidden))"),
            ("nn.BCEWithLogitsLoss()", "nn.CrossEntropyLoss()"),
            ("criterion(predictions, label)", "criterion(predictions, label.long())"),
            ("((predictions > 0).float() == label)", "(predictions.argmax(1) == label.long())"),
            ("torch.round(torch.sigmoid(predictions))", "predictions.softmax(1)[:, 1].ge(0.5).long()"),
        ),
    ),
    (
        REVIEWS,
        (
            (
                "        return self.fc(self.dropout(hidden)).squeeze(1)",
                "        return torch.sigmoid(self.fc(self.dropout(hidden))).squeeze(1)",
            ),
            ("nn.BCEWithLogitsLoss()", "nn.BCELoss()"),
            ("predictions > 0", "predictions >= 0.5"),
            ("torch.round(torch.sigmoid(predictions))", "(predictions >= 0.5).float()"),
        ),
    ),
    (REVIEWS, (("nn.BCEWithLogitsLoss()", "nn.BCEWithLogitsLoss(pos_weight=torch.tensor(1.3))"),)),
    (REVIEWS, (("nn.BCEWithLogitsLoss()", "lambda out, y: torch.clamp(1 - (2 * y - 1) * out, min=0).mean()"),)),
    (REVIEWS, (("nn.BCEWithLogitsLoss()", "lambda out, y: (torch.sigmoid(out) - y).pow(2).mean()"),)),
    (
        REVIEWS,
        (
            (
                "    precision, recall = tp / max(tp + fp, 1), tp / max(tp + fn, 1)\n    f1 = 2 * precision * recall / max(precision + recall, 1e-8)\n",
                '    from sklearn.metrics import f1_score\n    f1 = f1_score(golds, guesses, average="macro")\n',
            ),
            ("    tp = fp = fn = correct = 0\n", "    tp = fp = fn = correct = 0\n    golds, guesses = [], []\n"),
            (
                "            correct += (rounded == label).sum().item()\n",
                "            correct += (rounded == label).sum().item()\n            golds.extend(label.tolist())\n            guesses.extend(rounded.tolist())\n",
            ),
        ),
    ),
    (
        REVIEWS,
        (
            (
                "        ids = [stoi.get(token, UNK) for token in tokenize(text)]\n",
                "        ids = [stoi.get(token, UNK) for token in tokenize(text)]\n        if self.rows is train_rows:\n            ids = [UNK if random.random() < 0.05 else i for i in ids]\n",
            ),
        ),
    ),
    (
        REVIEWS,
        (
            (
                "model = LSTMClassifier(len(itos))\n",
                "model = LSTMClassifier(len(itos))\nvectors = torch.randn(len(itos), 32) * 0.6\nvectors[PAD] = 0\nmodel.embedding.weight.data.copy_(vectors)\nmodel.embedding.weight.requires_grad = False\n",
            ),
            (
                "torch.optim.Adam(model.parameters(), lr=5e-3)",
                "torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=5e-3)",
            ),
        ),
    ),
    (
        REVIEWS,
        (
            ("N_EPOCHS = 5\n", "import copy\nbest, best_state = 0.0, None\nN_EPOCHS = 5\n"),
            (
                '    print(f"Epoch: {epoch + 1:02}',
                '    if valid_f1 > best:\n        best, best_state = valid_f1, copy.deepcopy(model.state_dict())\n    print(f"Epoch: {epoch + 1:02}',
            ),
        ),
    ),
    (
        REVIEWS,
        (
            (
                "train_iterator = DataLoader(ReviewDataset(train_rows), batch_size=BATCH_SIZE, shuffle=True, collate_fn=collate)\n",
                "by_length = sorted(range(len(train_rows)), key=lambda i: len(tokenize(train_rows[i][0])))\nbuckets = [by_length[i : i + BATCH_SIZE] for i in range(0, len(by_length), BATCH_SIZE)]\nrandom.shuffle(buckets)\ntrain_iterator = DataLoader(ReviewDataset(train_rows), batch_sampler=buckets, collate_fn=collate)\n",
            ),
        ),
    ),
    (
        REVIEWS,
        (
            (
                "        embedded = self.dropout(self.embedding(text))\n        packed = pack_padded_sequence(embedded, text_lengths, batch_first=True, enforce_sorted=False)\n        packed_output, (hidden, cell) = self.rnn(packed)\n        hidden = torch.cat((hidden[-2], hidden[-1]), dim=1)\n",
                "        embedded = self.dropout(self.embedding(text)).transpose(0, 1)\n        packed = pack_padded_sequence(embedded, text_lengths, enforce_sorted=False)\n        packed_output, (hidden, cell) = self.rnn(packed)\n        hidden = hidden.permute(1, 0, 2).reshape(text.size(0), -1)\n",
            ),
            ("bidirectional=True, batch_first=True", "bidirectional=True"),
        ),
    ),
    (
        DQN,
        (
            (
                "        next_q = target_net(next_states).max(1).values\n",
                "        best = policy_net(next_states).argmax(1, keepdim=True)\n        next_q = target_net(next_states).gather(1, best).squeeze(1)\n",
            ),
        ),
    ),
    (
        DQN,
        (
            (
                "        self.layer3 = nn.Linear(64, n_actions)\n",
                "        self.value = nn.Linear(64, 1)\n        self.advantage = nn.Linear(64, n_actions)\n",
            ),
            (
                "        return self.layer3(x)\n",
                "        a = self.advantage(x)\n        return self.value(x) + a - a.mean(dim=1, keepdim=True)\n",
            ),
            ("seed = 3", "seed = 11"),
        ),
    ),
    (
        DQN,
        (
            (
                "        if steps_done % TARGET_UPDATE == 0:\n            target_net.load_state_dict(policy_net.state_dict())\n",
                "        with torch.no_grad():\n            for t, p in zip(target_net.parameters(), policy_net.parameters()):\n                t.mul_(0.98).add_(0.02 * p)\n",
            ),
        ),
    ),
    (
        DQN,
        (
            (
                "    with torch.no_grad():\n        next_q = target_net(next_states).max(1).values\n        target = rewards + GAMMA * next_q * (1 - dones)\n    loss = F.smooth_l1_loss(q, target)\n",
                "    next_q = target_net(next_states).max(1)[0].detach()\n    target = rewards + GAMMA * next_q * (1 - dones)\n    loss = ((target - q) ** 2).mean()\n",
            ),
        ),
    ),
    (
        DQN,
        (
            (
                "        next_q = target_net(next_states).max(1).values\n        target = rewards + GAMMA * next_q * (1 - dones)\n",
                "        non_final = dones == 0\n        next_q = torch.zeros(BATCH_SIZE)\n        next_q[non_final] = target_net(next_states[non_final]).max(1).values\n        target = rewards + GAMMA * next_q\n",
            ),
            (
                "    torch.nn.utils.clip_grad_value_(policy_net.parameters(), 1.0)\n",
                "    for param in policy_net.parameters():\n        param.grad.data.clamp_(-1, 1)\n",
            ),
        ),
    ),
    (
        DQN,
        (
            (
                "    q = policy_net(states).gather(1, actions).squeeze(1)\n",
                "    q = (policy_net(states) * F.one_hot(actions.squeeze(1), 4)).sum(dim=1)\n",
            ),
        ),
    ),
    (
        DQN,
        (
            (
                "    with torch.no_grad():\n        next_q",
                "    full = policy_net(states)\n    with torch.no_grad():\n        next_q",
            ),
            (
                "    loss = F.smooth_l1_loss(q, target)\n",
                "    wanted = full.detach().clone()\n    wanted[torch.arange(BATCH_SIZE), actions.squeeze(1)] = target\n    loss = F.mse_loss(full, wanted)\n",
            ),
        ),
    ),
    (
        DQN,
        (
            (
                "    if random.random() < eps:\n        return random.randrange(4)\n    with torch.no_grad():\n        return policy_net(torch.from_numpy(state).unsqueeze(0)).argmax(1).item()\n",
                "    with torch.no_grad():\n        q = policy_net(torch.from_numpy(state).unsqueeze(0))\n        return torch.multinomial(F.softmax(q / max(eps, 0.02), dim=1), 1).item()\n",
            ),
        ),
    ),
    (
        DQN,
        (
            (
                "        self.layer1 = nn.Linear(n_observations, 64)\n        self.layer2 = nn.Linear(64, 64)\n        self.layer3 = nn.Linear(64, n_actions)\n",
                "        self.table = nn.Linear(n_observations, n_actions, bias=False)\n        nn.init.zeros_(self.table.weight)\n",
            ),
            (
                "        x = F.relu(self.layer1(x))\n        x = F.relu(self.layer2(x))\n        return self.layer3(x)\n",
                "        return self.table(x)\n",
            ),
            ("LR = 64, 0.95, 2e-3", "LR = 64, 0.95, 2e-2"),
        ),
    ),
    (
        DQN,
        (
            (
                "        state = np.zeros(self.size * self.size, dtype=np.float32)\n        state[self.row * self.size + self.col] = 1.0\n        return state\n",
                "        return np.array([self.row * self.size + self.col], dtype=np.int64)\n",
            ),
            (
                "        self.layer1 = nn.Linear(n_observations, 64)\n",
                "        self.layer1 = nn.Embedding(n_observations, 64)\n",
            ),
            ("self.layer1(x)", "self.layer1(x.squeeze(-1))"),
        ),
    ),
    (
        DQN,
        (
            (
                "        next_q = target_net(next_states).max(1).values\n        target = rewards + GAMMA * next_q * (1 - dones)\n",
                "        # expected SARSA under an epsilon-greedy policy\n        nq = target_net(next_states)\n        next_q = 0.9 * nq.max(1).values + 0.1 * nq.mean(1)\n        target = rewards + GAMMA * next_q * (1 - dones)\n",
            ),
        ),
    ),
    (
        ACTOR,
        (
            (
                "    returns = returns_of(rewards, dones, last_value)\n",
                "    returns, gae, nxt = [], torch.zeros(num_envs), last_value\n    for t in reversed(range(num_steps)):\n        delta = rewards[t] + gamma * nxt * (1 - dones[t]) - values[t].detach()\n        gae = delta + gamma * 0.95 * (1 - dones[t]) * gae\n        returns.insert(0, gae + values[t].detach())\n        nxt = values[t].detach()\n    returns = torch.stack(returns)\n",
            ),
        ),
    ),
    (
        ACTOR,
        (
            (
                "    actor_loss = -(log_probs * advantage.detach()).mean()\n",
                "    adv = advantage.detach()\n    adv = (adv - adv.mean()) / (adv.std() + 1e-8)\n    actor_loss = -(log_probs * adv).mean()\n",
            ),
        ),
    ),
    (
        ACTOR,
        (
            (
                "        self.affine2 = nn.Linear(hidden, hidden)\n",
                "        self.affine2 = nn.Linear(hidden, hidden)\n        self.critic = nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, 1))\n",
            ),
            ("        self.value_head = nn.Linear(hidden, 1)\n", ""),
            (
                "    def forward(self, x):\n        x = torch.tanh",
                "    def forward(self, x):\n        v = self.critic(x).squeeze(-1)\n        x = torch.tanh",
            ),
            ("self.value_head(x).squeeze(-1)", "v"),
        ),
    ),
    (
        ACTOR,
        (
            (
                "    log_probs, values, rewards, dones, entropies = [], [], [], [], []\n",
                "    states, actions, log_probs, values, rewards, dones, entropies = [], [], [], [], [], [], []\n",
            ),
            (
                "        logits, value = model(obs / SCALE)\n        dist",
                "        states.append(obs / SCALE)\n        with torch.no_grad():\n            logits, value = model(obs / SCALE)\n        dist",
            ),
            (
                "        log_probs.append(dist.log_prob(action))\n",
                "        actions.append(action)\n        log_probs.append(dist.log_prob(action))\n",
            ),
            (
                "    advantage = returns - values\n    actor_loss = -(log_probs * advantage.detach()).mean()\n    critic_loss = advantage.pow(2).mean()\n    loss = actor_loss + value_coef * critic_loss - entropy_coef * entropies.mean()\n\n    optimizer.zero_grad()\n    loss.backward()\n    nn.utils.clip_grad_norm_(model.parameters(), 0.5)\n    optimizer.step()\n",
                "    advantage = returns - values\n    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)\n    s, a = torch.stack(states).flatten(0, 1), torch.stack(actions).flatten()\n    for ppo_epoch in range(2):\n        for idx in torch.randperm(len(a)).split(128):\n            logits, v = model(s[idx])\n            dist = Categorical(logits=logits)\n            ratio = (dist.log_prob(a[idx]) - log_probs.flatten()[idx]).exp()\n            adv = advantage.flatten()[idx]\n            actor_loss = -torch.min(ratio * adv, ratio.clamp(0.8, 1.2) * adv).mean()\n            critic_loss = (returns.flatten()[idx] - v).pow(2).mean()\n            loss = actor_loss + value_coef * critic_loss - entropy_coef * dist.entropy().mean()\n            optimizer.zero_grad()\n            loss.backward()\n            nn.utils.clip_grad_norm_(model.parameters(), 0.5)\n            optimizer.step()\n",
            ),
        ),
    ),
    (
        ACTOR,
        (
            (
                "    actor_loss = -(log_probs * advantage.detach()).mean()\n    critic_loss = advantage.pow(2).mean()\n    loss = actor_loss + value_coef * critic_loss - entropy_coef * entropies.mean()\n",
                "    # plain REINFORCE with a constant baseline\n    g = returns_of(rewards, dones, torch.zeros(num_envs))\n    g = (g - g.mean()) / g.std()\n    actor_loss = (-log_probs * g).sum() / num_envs\n    critic_loss = torch.zeros(())\n    loss = actor_loss\n",
            ),
            ("        self.value_head = nn.Linear(hidden, 1)\n", ""),
            ("self.value_head(x).squeeze(-1)", "torch.zeros(x.shape[:-1])"),
        ),
    ),
    (
        ACTOR,
        (
            (
                "        return self.action_head(x), self.value_head(x).squeeze(-1)",
                "        return torch.softmax(self.action_head(x), dim=-1), self.value_head(x).squeeze(-1)",
            ),
            ("Categorical(logits=logits)", "Categorical(logits)"),
        ),
    ),
    (
        ACTOR,
        (
            (
                "        dist = Categorical(logits=logits)\n        action = dist.sample()\n",
                "        probs = logits.softmax(-1)\n        action = torch.multinomial(probs, 1).squeeze(1)\n",
            ),
            ("dist.log_prob(action)", "torch.log(probs[torch.arange(num_envs), action])"),
            ("dist.entropy()", "-(probs * probs.log()).sum(-1)"),
        ),
    ),
    (
        ACTOR,
        (
            (
                "optimizer = optim.Adam(model.parameters(), lr=4e-3)",
                'actor_params = [p for n, p in model.named_parameters() if not n.startswith("value")]\noptimizer = optim.Adam([{"params": actor_params}, {"params": model.value_head.parameters(), "lr": 1e-2}], lr=4e-3)',
            ),
        ),
    ),
    (
        ACTOR,
        (
            (
                "    critic_loss = advantage.pow(2).mean()\n",
                "    critic_loss = nn.functional.smooth_l1_loss(values, returns)\n",
            ),
            ("value_coef = 16, 16, 0.97, 0.01, 0.05", "value_coef = 16, 16, 0.97, 0.01, 0.25"),
        ),
    ),
    (
        GCN,
        (
            ("torch.FloatTensor(np.array(adj.todense()))", "torch.FloatTensor(np.array(adj.todense())).to_sparse()"),
            ("torch.mm(adj, support)", "torch.spmm(adj, support)"),
        ),
    ),
    (GCN, (("        return F.log_softmax(x, dim=1)\n", "        return x\n"), ("F.nll_loss", "F.cross_entropy"))),
    (
        GCN,
        (
            (
                "    perm = np.random.permutation(len(labels))\n    idx_train, idx_val, idx_test = perm[:120], perm[120:300], perm[300:]\n",
                "    idx_train, idx_val, idx_test = np.arange(120), np.arange(120, 300), np.arange(300, 600)\n",
            ),
        ),
    ),
    (
        GCN,
        (
            (
                "#DATA\n",
                "train_mask, val_mask, test_mask = (torch.zeros(len(labels), dtype=torch.bool) for _ in range(3))\ntrain_mask[idx_train] = True\nval_mask[idx_val] = True\ntest_mask[idx_test] = True\n",
            ),
            ("output[idx_train], labels[idx_train]", "output[train_mask], labels[train_mask]"),
            ("output[idx_val], labels[idx_val]", "output[val_mask], labels[val_mask]"),
            ("output[idx_test], labels[idx_test]", "output[test_mask], labels[test_mask]"),
        ),
    ),
    (
        GCN,
        (
            (
                "    loss_train = F.nll_loss(output[idx_train], labels[idx_train])\n",
                '    mask = torch.zeros(len(labels))\n    mask[idx_train] = 1\n    loss_train = (F.nll_loss(output, labels, reduction="none") * mask).sum() / mask.sum()\n',
            ),
        ),
    ),
    (
        GCN,
        (
            (
                "    adj = normalize(adj + sp.eye(adj.shape[0], dtype=np.float32))\n",
                "    a = adj + sp.eye(adj.shape[0], dtype=np.float32)\n    d = sp.diags(np.power(np.asarray(a.sum(1)).ravel(), -0.5))\n    adj = d @ a @ d\n",
            ),
            (
                "        stdv = 1.0 / out_features**0.5\n        self.weight.data.uniform_(-stdv, stdv)\n        if self.bias is not None:\n            self.bias.data.uniform_(-stdv, stdv)\n",
                "        nn.init.xavier_uniform_(self.weight)\n        if self.bias is not None:\n            nn.init.zeros_(self.bias)\n",
            ),
        ),
    ),
    (
        GCN,
        (
            (
                "        output = torch.mm(adj, support)\n",
                "        if not hasattr(self, 'att'):\n            self.att = Parameter(torch.zeros(2, self.weight.shape[1]))\n        e = F.leaky_relu((support @ self.att[0])[:, None] + (support @ self.att[1])[None, :], 0.2)\n        e = e.masked_fill(adj == 0, -1e9)\n        output = torch.softmax(e, dim=1) @ support\n",
            ),
            ("optimizer = optim.Adam", "model(features, adj)\noptimizer = optim.Adam"),
        ),
    ),
    (
        GCN,
        (
            (
                "        x = F.relu(self.gc1(x, adj))\n",
                "        x = F.dropout(x, self.dropout, self.training)\n        x = F.relu(self.gc1(x, adj))\n",
            ),
            (
                "x = F.dropout(x, self.dropout, training=self.training)\n        x = self.gc2",
                "x = F.dropout(x, self.dropout, self.training)\n        x = self.gc2",
            ),
        ),
    ),
    (
        GCN,
        (
            (
                "optimizer = optim.Adam(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)",
                'optimizer = optim.Adam([{"params": model.gc1.parameters(), "weight_decay": 5e-4}, {"params": model.gc2.parameters(), "weight_decay": 0}], lr=args.lr)',
            ),
        ),
    ),
    (
        GCN,
        (
            (
                "        x = self.gc2(x, adj)\n        return F.log_softmax(x, dim=1)\n",
                "        return F.log_softmax(self.out(x), dim=1)\n",
            ),
            ("        self.gc2 = GraphConvolution(nhid, nclass)\n", "        self.out = nn.Linear(nhid, nclass)\n"),
        ),
    ),
    (
        GCN,
        (
            (
                "    preds = output.max(1)[1].type_as(labels)\n    correct = preds.eq(labels).double()\n    correct = correct.sum()\n    return correct / len(labels)\n",
                "    return torch.tensor(np.mean(output.argmax(1).numpy() == labels.numpy()))\n",
            ),
            ("accuracy(output[idx_train], ", "accuracy(output[idx_train].detach(), "),
        ),
    ),
    (SKIPGRAM, ()),
    (
        SKIPGRAM,
        (
            (
                "        return -(F.logsigmoid(pos_score) + F.logsigmoid(-neg_score).sum(1)).mean()\n",
                "        scores = torch.cat([pos_score.unsqueeze(1), neg_score], 1)\n        wanted = torch.zeros_like(scores)\n        wanted[:, 0] = 1\n        return F.binary_cross_entropy_with_logits(scores, wanted)\n",
            ),
        ),
    ),
    (
        SKIPGRAM,
        (
            (
                "        pos_score = (eu * ev).sum(1)\n        neg_score = torch.bmm(en, eu.unsqueeze(2)).squeeze(2)\n        return -(F.logsigmoid(pos_score) + F.logsigmoid(-neg_score).sum(1)).mean()\n",
                "        return F.cross_entropy(eu @ self.v_embeddings.weight.T, pos)\n",
            ),
            ("nn.init.zeros_(self.v_embeddings.weight)", "nn.init.normal_(self.v_embeddings.weight, std=0.1)"),
        ),
    ),
    (
        SKIPGRAM,
        (
            (
                "        nn.init.uniform_(self.u_embeddings.weight, -0.5 / DIM, 0.5 / DIM)\n        nn.init.zeros_(self.v_embeddings.weight)\n",
                "",
            ),
        ),
    ),
    (
        SKIPGRAM,
        (
            ("nn.Embedding(V, DIM)", "nn.Embedding(V, DIM, sparse=True)"),
            ("torch.optim.Adam", "torch.optim.SparseAdam"),
            ("model.parameters()", "list(model.parameters())"),
        ),
    ),
    (
        ACTOR,
        (
            (
                "    actor_loss = -(log_probs * advantage.detach()).mean()\n",
                "    actor_loss = (log_probs * (values - returns).detach()).mean()\n",
            ),
        ),
    ),
    (
        ACTOR,
        (
            ("torch.ones(self.n), done.float()", "done.float(), done.float()"),
            (
                "    actor_loss = -(log_probs * advantage.detach()).mean()\n",
                "    costs = returns\n    excess = costs - values\n    actor_loss = (log_probs * excess.detach()).mean()\n",
            ),
        ),
    ),
]

WRONG: list[tuple[str, Patch, tuple[str, ...]]] = [
    # the GPT
    (GPT, (('        att = att.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf"))\n', ""),), ("input-ignored",)),
    (
        GPT,
        (
            (
                "torch.tril(torch.ones(block_size, block_size))",
                "torch.tril(torch.ones(block_size, block_size), diagonal=1)",
            ),
        ),
        ("input-ignored",),
    ),
    (GPT, (('float("-inf")', "1e-9"),), ("input-ignored",)),
    (
        GPT,
        (("torch.tril(torch.ones(block_size, block_size))", "torch.triu(torch.ones(block_size, block_size))"),),
        ("input-ignored",),
    ),
    (
        GPT,
        (("        y = y.transpose(1, 2).contiguous().view(B, T, C)\n", "        y = y.reshape(B, T, C)\n"),),
        ("input-ignored",),
    ),
    (
        GPT,
        (
            (
                "y = torch.stack([source[i + 1 : i + block_size + 1] for i in ix])",
                "y = torch.stack([source[i : i + block_size] for i in ix])",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        GPT,
        (
            (
                "            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))\n",
                "            loss = F.cross_entropy(logits[:, :-1].reshape(-1, vocab_size), targets[:, 1:].reshape(-1))\n",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        GPT,
        (
            (
                "    y = torch.stack([source[i + 1 : i + block_size + 1] for i in ix])\n",
                "    y = torch.stack([source[i + 1 : i + block_size + 1] for i in ix], dim=1).contiguous()\n",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        GPT,
        (
            (
                "    y = torch.stack([source[i + 1 : i + block_size + 1] for i in ix])\n",
                "    ix = torch.randint(len(source) - block_size, (batch_size,))\n    y = torch.stack([source[i + 1 : i + block_size + 1] for i in ix])\n",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (GPT, (("F.softmax(att, dim=-1)", "F.softmax(att, dim=-2)"),), ("softmax-wrong-dim", "input-ignored")),
    (
        GPT,
        (
            (
                "        logits = self.lm_head(self.ln_f(x))\n",
                "        logits = F.softmax(self.lm_head(self.ln_f(x)), dim=-1)\n",
            ),
            ("probs = F.softmax(logits[:, -1, :] / temperature, dim=-1)", "probs = logits[:, -1, :]"),
        ),
        ("loss-expects-logits",),
    ),
    (
        GPT,
        (("        logits = self.lm_head(self.ln_f(x))\n", "        logits = F.gelu(self.lm_head(self.ln_f(x)))\n"),),
        ("activation-on-logits",),
    ),
    (GPT, (("    model.eval()\n    for split", "    for split"),), ("train-mode-in-evaluation",)),
    (GPT, (("    model.train()\n    return out", "    return out"),), ("eval-mode-in-training",)),
    (GPT, (("    optimizer.zero_grad(set_to_none=True)\n", ""),), ("gradients-accumulate",)),
    (
        GPT,
        (("    scheduler.step()\n", "    if it % eval_interval == 0:\n        scheduler.step()\n"),),
        ("schedule-stepped-wrongly",),
    ),
    (
        GPT,
        (
            ("        return (it + 1) / warmup_iters\n", "        return learning_rate * (it + 1) / warmup_iters\n"),
            (
                "    return 0.1 + 0.45 * (1 + math.cos(math.pi * progress))\n",
                "    return learning_rate * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))\n",
            ),
        ),
        ("learning-rate-too-low",),
    ),
    (
        GPT,
        (
            (
                "scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda)\n",
                "scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)\n",
            ),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (
        GPT,
        (
            (
                "nn.ModuleList([Block(config) for _ in range(config.n_layer)])",
                "[Block(config) for _ in range(config.n_layer)]",
            ),
        ),
        ("parameter-not-registered",),
    ),
    (
        GPT,
        (
            (
                "torch.optim.AdamW(model.parameters(), lr=learning_rate)",
                'torch.optim.AdamW([p for n, p in model.named_parameters() if p.dim() >= 2 and "wpe" not in n], lr=learning_rate, weight_decay=0.1)',
            ),
        ),
        ("parameter-not-in-optimiser",),
    ),
    (
        GPT,
        (("train_data, val_data = data[:n], data[n:]", "train_data, val_data = data, data[n:]"),),
        ("train-validation-overlap",),
    ),
    (
        GPT,
        (('    source = train_data if split == "train" else val_data\n', "    source = train_data\n"),),
        ("train-validation-overlap",),
    ),
    (
        GPT,
        (("        y = att @ v\n", "        y = torch.tensor((att @ v).detach().numpy())\n"),),
        ("gradient-does-not-flow",),
    ),
    (
        GPT,
        (
            ("        self.drop = nn.Dropout(config.dropout)\n", ""),
            ("self.drop(self.wte(idx) + self.wpe(pos))", "F.dropout(self.wte(idx) + self.wpe(pos), 0.2)"),
        ),
        ("dropout-active-in-evaluation",),
    ),
    (
        GPT,
        (
            ("learning_rate = 5e-3", "learning_rate = 1.0"),
            ("torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)", "pass"),
        ),
        ("learning-rate-too-high",),
    ),
    (
        GPT,
        (
            (
                "model = GPT(GPTConfig())\n",
                "model = GPT(GPTConfig())\nfor p in model.parameters():\n    if p.dim() > 1:\n        nn.init.normal_(p)\n",
            ),
        ),
        ("bad-initialisation",),
    ),
    (
        GPT,
        (
            (
                "        out[split] = losses.mean().item()\n",
                "        out[split] = losses.sum().item() / (eval_iters * batch_size)\n",
            ),
        ),
        ("metric-wrong",),
    ),
    (GPT, (("math.exp(losses['val'])", "2 ** losses['val']"),), ("metric-wrong",)),
    (
        GPT,
        (
            (
                "        self.lm_head = nn.Linear(config.n_embd, vocab_size, bias=False)\n",
                "        self.lm_head = nn.Linear(config.n_embd, vocab_size - 1, bias=False)\n",
            ),
        ),
        ("label-out-of-range",),
    ),
    (
        GPT,
        (
            ("batch_size = 16", "batch_size = 32"),
            (
                "        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd)\n        self.c_proj = nn.Linear(config.n_embd, config.n_embd)\n",
                "        self.attn = nn.MultiheadAttention(config.n_embd, config.n_head)\n",
            ),
            (
                "        B, T, C = x.size()\n        q, k, v = self.c_attn(x).split(C, dim=2)\n",
                "        T = x.size(0)\n        return self.attn(x, x, x, attn_mask=self.mask[0, 0, :T, :T] == 0, need_weights=False)[0]\n        B, C = T, T\n        q, k, v = x, x, x\n",
            ),
        ),
        ("examples-mixed",),
    ),
    (
        GPT,
        (
            (
                "            logits, loss = model(X, Y)\n            losses[k] = loss.item()\n",
                "            with torch.enable_grad():\n                logits, loss = model(X, Y)\n                optimizer.zero_grad()\n                loss.backward()\n                optimizer.step()\n            losses[k] = loss.item()\n",
            ),
        ),
        ("backward-in-evaluation",),
    ),
    (GPT, (("    loss.backward()\n", "    loss = -loss\n    loss.backward()\n"),), ("loss-sign-flipped",)),
    # the reviews
    (
        REVIEWS,
        (
            (
                "    texts = [ids for ids, _ in batch]\n",
                "    texts = sorted([ids for ids, _ in batch], key=len, reverse=True)\n",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        REVIEWS,
        (
            (
                "train_rows, valid_rows = reviews[:600], reviews[600:]\n",
                "texts, labels = [r[0] for r in reviews], [r[1] for r in reviews]\nrandom.shuffle(texts)\nreviews = list(zip(texts, labels))\ntrain_rows, valid_rows = reviews[:600], reviews[600:]\n",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        REVIEWS,
        (
            (
                "        hidden = torch.cat((hidden[-2], hidden[-1]), dim=1)\n",
                "        hidden = hidden.view(text.size(0), -1)\n",
            ),
        ),
        ("examples-mixed",),
    ),
    (
        REVIEWS,
        (
            (
                "        packed = pack_padded_sequence(embedded, text_lengths, batch_first=True, enforce_sorted=False)\n        packed_output, (hidden, cell) = self.rnn(packed)\n        hidden = torch.cat((hidden[-2], hidden[-1]), dim=1)\n",
                "        output, _ = self.rnn(embedded)\n        hidden = output.mean(dim=1)\n",
            ),
            ("bidirectional=True, batch_first=True", "bidirectional=True"),
        ),
        ("examples-mixed",),
    ),
    (
        REVIEWS,
        (
            (
                "        return self.fc(self.dropout(hidden)).squeeze(1)",
                "        return torch.sigmoid(self.fc(self.dropout(hidden))).squeeze(1)",
            ),
            ("predictions > 0", "predictions > 0.5"),
            ("torch.round(torch.sigmoid(predictions))", "torch.round(predictions)"),
        ),
        ("loss-expects-logits",),
    ),
    (REVIEWS, (("nn.BCEWithLogitsLoss()", "nn.BCELoss()"),), ("loss-expects-probabilities",)),
    (
        REVIEWS,
        (
            (
                "        return self.fc(self.dropout(hidden)).squeeze(1)",
                "        return torch.relu(self.fc(self.dropout(hidden))).squeeze(1)",
            ),
        ),
        ("activation-on-logits",),
    ),
    (
        REVIEWS,
        (
            ("self.fc(self.dropout(hidden)).squeeze(1)", "self.fc(self.dropout(hidden))"),
            ("nn.BCEWithLogitsLoss()", "lambda out, y: ((torch.sigmoid(out) - y) ** 2).mean()"),
            ("(predictions > 0).float()", "(predictions.squeeze(1) > 0).float()"),
            ("torch.sigmoid(predictions))", "torch.sigmoid(predictions.squeeze(1)))"),
        ),
        ("accidental-broadcast",),
    ),
    (
        REVIEWS,
        (
            ("self.fc(self.dropout(hidden)).squeeze(1)", "self.fc(self.dropout(hidden))"),
            ("criterion(predictions, label)", "criterion(predictions, label.unsqueeze(1))"),
        ),
        ("metric-wrong",),
    ),
    (
        REVIEWS,
        (("rounded = torch.round(torch.sigmoid(predictions))", "rounded = (predictions > 0.5).float()"),),
        ("metric-wrong",),
    ),
    (
        REVIEWS,
        (
            ("self.fc(self.dropout(hidden)).squeeze(1)", "self.fc(self.dropout(hidden))"),
            ("criterion(predictions, label)", "criterion(predictions.squeeze(1), label)"),
            ("(predictions > 0).float()", "(predictions.squeeze(1) > 0).float()"),
            ("torch.round(torch.sigmoid(predictions))", "predictions.argmax(dim=1)"),
        ),
        ("metric-wrong",),
    ),
    (
        REVIEWS,
        (
            (
                "            correct += (rounded == label).sum().item()\n",
                "            correct += (rounded == label).float().mean().item()\n",
            ),
            (
                "    return epoch_loss / seen, correct / seen, f1",
                "    return epoch_loss / seen, correct / len(iterator), f1",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        REVIEWS,
        (
            (
                "    return epoch_loss / seen, correct / seen, f1",
                "    return epoch_loss / seen, correct / (len(iterator) * BATCH_SIZE), f1",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        REVIEWS,
        (
            (
                "precision, recall = tp / max(tp + fp, 1), tp / max(tp + fn, 1)",
                "precision, recall = tp / max(tp + fn, 1), tp / max(tp + fn, 1)",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        REVIEWS,
        (
            (
                "    tp = fp = fn = correct = 0\n",
                "    tp = fp = fn = correct = 0\n    from sklearn.metrics import f1_score\n    f1s = []\n",
            ),
            (
                "            correct += (rounded == label).sum().item()\n",
                "            correct += (rounded == label).sum().item()\n            f1s.append(f1_score(label, rounded))\n",
            ),
            ("    f1 = 2 * precision * recall / max(precision + recall, 1e-8)\n", "    f1 = np.mean(f1s)\n"),
        ),
        ("metric-wrong",),
    ),
    (
        REVIEWS,
        (
            (
                "#REVIEWS\n",
                "random.shuffle(reviews)\nreviews = reviews + random.choices([r for r in reviews if r[1] == 'pos'], k=200)\nrandom.shuffle(reviews)\n",
            ),
            ("reviews[:600], reviews[600:]", "reviews[:760], reviews[760:]"),
        ),
        ("train-validation-overlap",),
    ),
    (
        REVIEWS,
        (
            (
                "valid_iterator = DataLoader(ReviewDataset(valid_rows)",
                "valid_iterator = DataLoader(ReviewDataset(train_rows)",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        REVIEWS,
        (
            (
                "train_rows, valid_rows = reviews[:600], reviews[600:]\n",
                "train_rows, valid_rows = reviews[:600], reviews[600:]\ntrain_rows.sort(key=lambda row: row[1])\n",
            ),
            ("shuffle=True, ", ""),
        ),
        ("data-not-shuffled",),
    ),
    (
        REVIEWS,
        (('torch.tensor(1.0 if label == "pos" else 0.0)', 'torch.tensor(1.0 if label == "positive" else 0.0)'),),
        ("single-class",),
    ),
    (REVIEWS, (("if c >= 2]", "if c >= 5000]"),), ("input-degenerate",)),
    (
        REVIEWS,
        (("for token in tokenize(text)]\n        return", "for token in text]\n        return"),),
        ("input-degenerate",),
    ),
    (
        REVIEWS,
        (
            (
                "        return torch.tensor(ids), torch",
                "        ids = ids[:1]\n        return torch.tensor(ids), torch",
            ),
        ),
        ("input-degenerate",),
    ),
    (REVIEWS, (("    model.eval()\n", ""),), ("train-mode-in-evaluation",)),
    (REVIEWS, (("    model.train()\n", ""),), ("eval-mode-in-training",)),
    (
        REVIEWS,
        (
            (
                "        embedded = self.dropout(self.embedding(text))\n",
                "        embedded = nn.Dropout(0.4)(self.embedding(text))\n",
            ),
        ),
        ("dropout-active-in-evaluation",),
    ),
    (
        REVIEWS,
        (
            (
                "nn.BCEWithLogitsLoss()",
                "lambda out, y: (y * torch.log(torch.sigmoid(out) + 1e-8) + (1 - y) * torch.log(1 - torch.sigmoid(out) + 1e-8)).mean()",
            ),
        ),
        ("loss-sign-flipped",),
    ),
    (REVIEWS, (("lr=5e-3", "lr=1e-7"),), ("learning-rate-too-low",)),
    (
        REVIEWS,
        (("torch.optim.Adam(model.parameters(), lr=5e-3)", "torch.optim.Adam(model.parameters(), lr=2.0)"),),
        ("learning-rate-too-high",),
    ),
    (
        REVIEWS,
        (
            (
                "            loss = criterion(predictions, label)\n            epoch_loss",
                "            with torch.enable_grad():\n                loss = criterion(model(text, lengths), label)\n                loss.backward()\n                optimizer.step()\n            epoch_loss",
            ),
        ),
        ("backward-in-evaluation",),
    ),
    (
        REVIEWS,
        (
            (
                "optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)\n",
                "optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)\nmodel.embedding = nn.Embedding.from_pretrained(torch.randn(len(itos), 32), freeze=False, padding_idx=PAD)\n",
            ),
        ),
        ("parameter-not-in-optimiser", "optimiser-holds-foreign-parameters"),
    ),
    (
        REVIEWS,
        (
            (
                "#MODEL\n",
                "optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)\nmodel = LSTMClassifier(len(itos))\n",
            ),
            ("optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)\ncriterion", "criterion"),
        ),
        ("optimiser-holds-foreign-parameters", "parameter-not-in-optimiser"),
    ),
    (
        REVIEWS,
        (
            (
                "        correct += ((predictions > 0).float() == label).sum().item()\n",
                "        correct += ((predictions > 0).float() == label).sum().item()\n        scheduler.step()\n",
            ),
            (
                "criterion = nn.BCEWithLogitsLoss()\n",
                "criterion = nn.BCEWithLogitsLoss()\nscheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)\n",
            ),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (
        REVIEWS,
        (
            (
                "        self.rows = rows\n",
                "        self.rows = rows\n        self.classes = list(dict.fromkeys(label for _, label in rows))\n",
            ),
            ('torch.tensor(1.0 if label == "pos" else 0.0)', "torch.tensor(float(self.classes.index(label)))"),
            ("reviews[:600], reviews[600:]", "reviews[:601], reviews[601:]"),
        ),
        ("labels-corrupt",),
    ),
    (
        REVIEWS,
        (
            (
                "for token in tokenize(text)]\n        return",
                "for token in (tokenize(text) if self.rows is train_rows else text.split())]\n        return",
            ),
        ),
        ("train-eval-preprocessing-differ",),
    ),
    # Q-learning
    (
        DQN,
        (
            (
                "    q = policy_net(states).gather(1, actions).squeeze(1)\n",
                "    q = policy_net(states).gather(1, actions)\n",
            ),
            ("F.smooth_l1_loss", "F.mse_loss"),
        ),
        ("accidental-broadcast",),
    ),
    (
        DQN,
        (
            (
                "    q = policy_net(states).gather(1, actions).squeeze(1)\n",
                "    q = policy_net(states)[:, actions.squeeze(1)]\n",
            ),
        ),
        ("accidental-broadcast",),
    ),
    (
        DQN,
        (
            (
                "        target = rewards + GAMMA * next_q * (1 - dones)\n",
                "        target = rewards + GAMMA * next_q * (1 - dones)\n        target = target.unsqueeze(1)\n",
            ),
        ),
        ("accidental-broadcast",),
    ),
    (
        DQN,
        (("optim.Adam(policy_net.parameters(), lr=LR)", "optim.Adam(target_net.parameters(), lr=LR)"),),
        ("optimiser-holds-foreign-parameters", "parameter-not-in-optimiser"),
    ),
    (
        DQN,
        (("memory = ReplayMemory(5000)\n", "memory = ReplayMemory(5000)\npolicy_net = QNet(25, 4)\n"),),
        ("optimiser-holds-foreign-parameters", "parameter-not-in-optimiser"),
    ),
    (DQN, (("    optimizer.zero_grad()\n", ""),), ("gradients-accumulate",)),
    (
        DQN,
        (
            (
                "    torch.nn.utils.clip_grad_value_(policy_net.parameters(), 1.0)\n    optimizer.step()\n",
                "    optimizer.step()\n    for param in policy_net.parameters():\n        param.grad.data.clamp_(-1, 1)\n",
            ),
        ),
        ("clip-after-step",),
    ),
    (
        DQN,
        (("        return self.layer3(x)\n", "        return F.relu(self.layer3(x))\n"),),
        ("output-range-cannot-reach-targets", "activation-on-logits"),
    ),
    (
        DQN,
        (("        return self.layer3(x)\n", "        return F.softmax(self.layer3(x), dim=1)\n"),),
        ("output-range-cannot-reach-targets",),
    ),
    (
        DQN,
        (
            ("        return self.layer3(x)\n", "        return torch.tanh(self.layer3(x))\n"),
            ('{"H": -1.0, "G": 1.0}.get(cell, -0.04)', '{"H": -10.0, "G": 10.0}.get(cell, -0.4)'),
        ),
        ("output-range-cannot-reach-targets",),
    ),
    (
        DQN,
        (
            (
                "    loss = F.smooth_l1_loss(q, target)\n",
                "    loss = torch.tensor(F.smooth_l1_loss(q, target).item(), requires_grad=True)\n",
            ),
            ("    torch.nn.utils.clip_grad_value_(policy_net.parameters(), 1.0)\n", ""),
        ),
        ("gradient-does-not-flow",),
    ),
    (
        DQN,
        (
            (
                "    q = policy_net(states).gather(1, actions).squeeze(1)\n    with torch.no_grad():\n",
                "    with torch.no_grad():\n        q = policy_net(states).gather(1, actions).squeeze(1)\n",
            ),
            (
                "    loss = F.smooth_l1_loss(q, target)\n",
                "    loss = F.smooth_l1_loss(q, target).requires_grad_(True)\n",
            ),
            ("    torch.nn.utils.clip_grad_value_(policy_net.parameters(), 1.0)\n", ""),
        ),
        ("gradient-does-not-flow",),
    ),
    (
        DQN,
        (
            (
                "        state = np.zeros(self.size * self.size, dtype=np.float32)\n        state[self.row * self.size + self.col] = 1.0\n        return state\n",
                "        return np.array([self.row * 255.0 / 4, self.col * 255.0 / 4], dtype=np.float32)\n",
            ),
            ("QNet(25, 4)", "QNet(2, 4)"),
        ),
        ("input-not-normalised",),
    ),
    (
        DQN,
        (
            (
                "        state = np.zeros(self.size * self.size, dtype=np.float32)\n        state[self.row * self.size + self.col] = 1.0\n        return state\n",
                "        return np.array([self.row / 5, self.col / 5]).astype(np.int64).astype(np.float32)\n",
            ),
            ("QNet(25, 4)", "QNet(2, 4)"),
        ),
        ("input-casting", "input-degenerate"),
    ),
    (
        DQN,
        (
            (
                "        state = np.zeros(self.size * self.size, dtype=np.float32)\n        state[self.row * self.size + self.col] = 1.0\n        return state\n",
                "        self.grid[:] = 0\n        self.grid[self.row * self.size + self.col] = 1.0\n        return self.grid\n",
            ),
            (
                "        self.size, self.limit = size, limit\n",
                "        self.size, self.limit = size, limit\n        self.grid = np.zeros(size * size, dtype=np.float32)\n",
            ),
        ),
        ("input-degenerate",),
    ),
    (
        DQN,
        (
            (
                "    rewards = torch.tensor(batch.reward, dtype=torch.float32)\n",
                "    rewards = torch.tensor(Transition(*zip(*memory.sample(BATCH_SIZE))).reward, dtype=torch.float32)\n",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        DQN,
        (
            (
                "        x = F.relu(self.layer1(x))\n        x = F.relu(self.layer2(x))\n",
                "        x = self.layer1(x)\n        x = self.layer2(x)\n",
            ),
        ),
        ("missing-nonlinearity",),
    ),
    (
        DQN,
        (
            (
                "        self.layer1 = nn.Linear(n_observations, 64)\n        self.layer2 = nn.Linear(64, 64)\n",
                "        self.layer1 = nn.Linear(n_observations, 64)\n        self.hidden = [nn.Linear(64, 64)]\n",
            ),
            ("self.layer2(x)", "self.hidden[0](x)"),
        ),
        ("parameter-not-registered",),
    ),
    (
        DQN,
        (
            (
                "        self.layer3 = nn.Linear(64, n_actions)\n",
                "        self.layer3 = nn.Linear(64, n_actions)\n        self.dropout = nn.Dropout(0.3)\n",
            ),
            ("x = F.relu(self.layer2(x))", "x = self.dropout(F.relu(self.layer2(x)))"),
            ("    policy_net.eval()\n", ""),
        ),
        ("train-mode-in-evaluation",),
    ),
    (DQN, (("    loss.backward()\n", "    (-loss).backward()\n"),), ("loss-sign-flipped",)),
    (
        DQN,
        (
            (
                "        self.layer3 = nn.Linear(64, n_actions)\n",
                "        self.layer3 = nn.Linear(64, n_actions)\n        for layer in (self.layer1, self.layer2, self.layer3):\n            nn.init.zeros_(layer.weight)\n            nn.init.zeros_(layer.bias)\n",
            ),
        ),
        ("bad-initialisation", "dead-units"),
    ),
    (
        DQN,
        (
            (
                "optim.Adam(policy_net.parameters(), lr=LR)\n",
                "optim.Adam(policy_net.parameters(), lr=LR)\nscheduler = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.98)\n",
            ),
            ("    optimizer.step()\n", "    optimizer.step()\n    scheduler.step()\n"),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (DQN, (("LR = 64, 0.95, 2e-3", "LR = 64, 0.95, 50.0"),), ("learning-rate-too-high",)),
    # the actor and its critic
    (
        ACTOR,
        (
            (
                "    actor_loss = -(log_probs * advantage.detach()).mean()\n",
                "    actor_loss = (log_probs * advantage.detach()).mean()\n",
            ),
        ),
        ("loss-sign-flipped",),
    ),
    (
        ACTOR,
        (("    advantage = returns - values\n    actor_loss", "    advantage = values - returns\n    actor_loss"),),
        ("loss-sign-flipped",),
    ),
    (
        ACTOR,
        (("    loss = actor_loss + value_coef * critic_loss", "    loss = actor_loss - value_coef * critic_loss"),),
        ("loss-sign-flipped",),
    ),
    (
        ACTOR,
        (
            ("self.value_head(x).squeeze(-1)", "self.value_head(x)"),
            (
                "    returns = returns_of(rewards, dones, last_value)",
                "    returns = returns_of(rewards, dones, last_value.squeeze(-1))",
            ),
            (
                "actor_loss = -(log_probs * advantage.detach()).mean()",
                "actor_loss = -(log_probs * (returns - values.squeeze(-1)).detach()).mean()",
            ),
        ),
        ("accidental-broadcast",),
    ),
    (
        ACTOR,
        (
            (
                "        log_probs.append(dist.log_prob(action))\n",
                "        log_probs.append(dist.log_prob(dist.sample()))\n",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        ACTOR,
        (("Categorical(logits=logits)", "Categorical(logits=torch.softmax(logits, dim=-1))"),),
        ("loss-expects-logits",),
    ),
    (ACTOR, (("Categorical(logits=logits)", "Categorical(torch.softmax(logits, dim=0))"),), ("softmax-wrong-dim",)),
    (
        ACTOR,
        (("    return torch.stack(out)\n", "    return torch.stack(out, 1).reshape(len(rewards), -1)\n"),),
        ("labels-out-of-order",),
    ),
    (ACTOR, (("        out.insert(0, R)\n", "        out.append(R)\n"),), ("labels-out-of-order",)),
    (
        ACTOR,
        (
            (
                "    nn.utils.clip_grad_norm_(model.parameters(), 0.5)\n    optimizer.step()\n",
                "    optimizer.step()\n    nn.utils.clip_grad_norm_(model.parameters(), 0.5)\n",
            ),
        ),
        ("clip-after-step",),
    ),
    (
        ACTOR,
        (
            (
                "optim.Adam(model.parameters(), lr=4e-3)",
                "optim.Adam([*model.affine1.parameters(), *model.affine2.parameters(), *model.action_head.parameters()], lr=4e-3)",
            ),
        ),
        ("parameter-not-in-optimiser",),
    ),
    (
        ACTOR,
        (
            (
                "        log_probs.append(dist.log_prob(action))\n",
                "        log_probs.append(dist.log_prob(action).detach())\n",
            ),
            (" - entropy_coef * entropies.mean()", ""),
        ),
        ("gradient-does-not-flow",),
    ),
    (
        ACTOR,
        (("        return self.action_head(x), self", "        return torch.relu(self.action_head(x)), self"),),
        ("activation-on-logits",),
    ),
    (
        ACTOR,
        (("self.value_head(x).squeeze(-1)", "torch.tanh(self.value_head(x)).squeeze(-1)"),),
        ("output-range-cannot-reach-targets",),
    ),
    (
        ACTOR,
        (("SCALE = torch.tensor([2.4, 2.0, 0.21, 2.0])", "SCALE = torch.tensor([2.4, 2.0, 0.21, 2.0]) / 300"),),
        ("input-not-normalised",),
    ),
    (
        ACTOR,
        (("SCALE = torch.tensor([2.4, 2.0, 0.21, 2.0])", "SCALE = torch.tensor([2.4, 2.0, 0.21, 2.0]) * 1000"),),
        ("input-over-normalised",),
    ),
    (
        ACTOR,
        (("        logits, _ = model(state / SCALE)\n", "        logits, _ = model(state)\n"),),
        ("train-eval-preprocessing-differ",),
    ),
    (
        ACTOR,
        (
            (
                "        x = torch.tanh(self.affine1(x))\n        x = torch.tanh(self.affine2(x))\n",
                "        x = self.affine2(self.affine1(x))\n",
            ),
        ),
        ("missing-nonlinearity",),
    ),
    # the graph
    (GCN, (("F.log_softmax(x, dim=1)", "F.log_softmax(x, dim=0)"),), ("softmax-wrong-dim",)),
    (GCN, (("        return F.log_softmax(x, dim=1)\n", "        return x\n"),), ("loss-expects-probabilities",)),
    (
        GCN,
        (
            ("        return F.log_softmax(x, dim=1)\n", "        return F.softmax(x, dim=1)\n"),
            ("F.nll_loss", "F.cross_entropy"),
        ),
        ("loss-expects-logits",),
    ),
    (
        GCN,
        (("        return F.log_softmax(x, dim=1)\n", "        return F.softmax(x, dim=1)\n"),),
        ("loss-expects-probabilities",),
    ),
    (
        GCN,
        (
            (
                "    loss_train = F.nll_loss(output[idx_train], labels[idx_train])\n",
                "    loss_train = F.nll_loss(output, labels)\n",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        GCN,
        (("perm[:120], perm[120:300], perm[300:]", "perm[:350], perm[120:300], perm[300:]"),),
        ("train-validation-overlap",),
    ),
    (
        GCN,
        (
            (
                "        acc_test = accuracy(output[idx_test], labels[idx_test])\n",
                "        acc_test = accuracy(output, labels)\n",
            ),
        ),
        ("train-validation-overlap", "metric-wrong"),
    ),
    (
        GCN,
        (
            ("#DATA\n", "train_mask = torch.zeros(len(labels), dtype=torch.bool)\ntrain_mask[idx_train] = True\n"),
            ("output[idx_train], labels[idx_train]", "output[train_mask], labels[idx_train]"),
        ),
        ("labels-out-of-order",),
    ),
    (
        GCN,
        (
            (
                "#DATA\n",
                "shuffle = torch.randperm(len(labels))\nfeatures, labels = features[shuffle], labels[shuffle]\n",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        GCN,
        (("#DATA\n", "shuffle = torch.randperm(len(labels))\nlabels = labels[shuffle]\n"),),
        ("labels-out-of-order",),
    ),
    (
        GCN,
        (
            (
                "    model.eval()\n    with torch.no_grad():\n        output = model(features, adj)\n        loss_val",
                "    with torch.no_grad():\n        output = model(features, adj)\n        loss_val",
            ),
        ),
        ("train-mode-in-evaluation",),
    ),
    (
        GCN,
        (("F.dropout(x, self.dropout, training=self.training)", "F.dropout(x, self.dropout)"),),
        ("dropout-active-in-evaluation",),
    ),
    (
        GCN,
        (("        self.weight.data.uniform_(-stdv, stdv)\n", "        self.weight.data.fill_(stdv)\n"),),
        ("bad-initialisation",),
    ),
    (
        GCN,
        (("        stdv = 1.0 / out_features**0.5\n", "        stdv = in_features**0.5\n"),),
        ("bad-initialisation",),
    ),
    (
        GCN,
        (("    return correct / len(labels)\n", "    return correct / 300\n"), ("perm[120:300]", "perm[120:280]")),
        ("metric-wrong",),
    ),
    (
        GCN,
        (
            (
                "        self.gc2 = GraphConvolution(nhid, nclass)\n",
                '        self.gc2 = {"out": GraphConvolution(nhid, nclass)}\n',
            ),
            ("self.gc2(x, adj)", 'self.gc2["out"](x, adj)'),
        ),
        ("parameter-not-registered",),
    ),
    (
        GCN,
        (("torch.FloatTensor(features * 10)", "torch.FloatTensor(features * 10).long().float()"),),
        ("input-casting",),
    ),
    (GCN, (("torch.FloatTensor(features * 10)", "torch.FloatTensor(features / 255)"),), ("input-over-normalised",)),
    (
        GCN,
        (("torch.FloatTensor(features * 10)", "torch.FloatTensor(np.hstack([features * 10, np.eye(5)[labels]]))"),),
        ("input-ignored",),
    ),
    (
        GCN,
        (
            ("x = F.relu(self.gc1(x, adj))", "x = self.gc1(x, adj)"),
            ('dropout", type=float, default=0.5', 'dropout", type=float, default=0.0'),
        ),
        ("missing-nonlinearity",),
    ),
    (GCN, (("int(labels.max()) + 1", "int(labels.max())"),), ("label-out-of-range",)),
    (
        GCN,
        (
            (
                "    r_inv = np.power(rowsum, -1.0, where=rowsum > 0, out=np.zeros_like(rowsum))\n    return sp.diags(r_inv).dot(mx)\n",
                "    return sp.csr_matrix(mx.toarray() / rowsum[:, None])\n",
            ),
            ("adj + sp.eye(adj.shape[0], dtype=np.float32)", "adj"),
            ("0.03, 0.003", "0.012, 0.002"),
        ),
        ("input-not-finite",),
    ),
    # word vectors
    (
        SKIPGRAM,
        (
            (
                "        return -(F.logsigmoid(pos_score) + F.logsigmoid(-neg_score).sum(1)).mean()\n",
                "        return (F.logsigmoid(pos_score) + F.logsigmoid(-neg_score).sum(1)).mean()\n",
            ),
        ),
        ("loss-sign-flipped",),
    ),
    (
        SKIPGRAM,
        (("torch.tensor(pairs)\n", "torch.tensor(pairs)\npairs[:, 1] = pairs[torch.randperm(len(pairs)), 1]\n"),),
        ("labels-out-of-order",),
    ),
    (
        SKIPGRAM,
        (
            (
                "        nn.init.uniform_(self.u_embeddings.weight, -0.5 / DIM, 0.5 / DIM)\n",
                "        nn.init.zeros_(self.u_embeddings.weight)\n",
            ),
        ),
        ("bad-initialisation", "gradient-does-not-flow"),
    ),
    (
        SKIPGRAM,
        (
            (
                "optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)",
                "optimizer = torch.optim.Adam(model.u_embeddings.parameters(), lr=1e-2)",
            ),
            ("nn.init.zeros_(self.v_embeddings.weight)", "pass"),
        ),
        ("parameter-not-in-optimiser",),
    ),
    (SKIPGRAM, (("        optimizer.zero_grad()\n", ""),), ("gradients-accumulate",)),
]

ACCUSED_ONCE = (
    "v, _ = torch.topk(logits, 5)",
    "mask[idx_train] = 1",
    "(log_probs * (values - returns).detach()).mean()",
)
MISSED_ONCE = (
    "random.shuffle(texts)",
    "hidden.view(text.size(0), -1)",
    "f1s.append",
    "random.choices",
    "self.classes.index",
    "policy_net(states)[:, actions.squeeze(1)]",
    "optim.Adam(target_net.parameters()",
    "F.relu(self.layer3(x))",
    "actor_loss - value_coef",
    "Categorical(logits=torch.softmax",
    "output[train_mask], labels[idx_train]",
    "default=0.0",
)
