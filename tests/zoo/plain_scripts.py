"""Scripts as competitions, course homework and notebooks have them: a table by folds, pictures with every trick, a
Lightning module, a net of two tasks, a network by hand, tags of documents.

A patch is a sequence of (old, new); every place that holds the old text is changed.
"""

from zoo.plain import Patch

HOUSES = """import copy
import random

import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, Dataset


class CFG:
    seed = 42
    folds = 3
    epochs = 14
    bs = 64
    lr = 1e-2
    wd = 1e-4
    patience = 4
    target = "price"


def seed_everything(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def make_frame(n, seed):
    rng = np.random.default_rng(seed)
    df = pd.DataFrame({
        "area": rng.gamma(6.0, 20.0, n),
        "year": rng.integers(1930, 2021, n),
        "distance": rng.exponential(6.0, n),
        "floor": rng.integers(0, 12, n),
        "district": rng.choice(["north", "south", "harbour", "old"], n, p=[0.4, 0.3, 0.2, 0.1]),
    })
    level = df.district.map({"north": 0.0, "south": -0.2, "harbour": 0.3, "old": 0.5})
    log_price = 3 + 0.8 * np.log(df.area) + 0.006 * (df.year - 1970) - 0.04 * df.distance + level
    df["price"] = np.exp(log_price + rng.normal(0, 0.1, n))
    return df


class HouseDataset(Dataset):
    def __init__(self, x, y=None):
        self.x = torch.tensor(np.asarray(x), dtype=torch.float32)
        self.y = None if y is None else torch.tensor(np.asarray(y), dtype=torch.float32)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i] if self.y is None else (self.x[i], self.y[i])


class HouseNet(nn.Module):
    def __init__(self, n_features, hidden=48):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(n_features, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(0.1),
            nn.Linear(hidden, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(0.1),
        )
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):
        h = self.body(x)
        return self.out(h).squeeze(-1)


def train_fn(model, loader, optimizer, loss_fn):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        pred = model(x)
        loss = loss_fn(pred, y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
    return total / len(loader.dataset)


def predict_fn(model, loader):
    model.eval()
    preds = []
    with torch.no_grad():
        for batch in loader:
            x = batch[0] if isinstance(batch, (list, tuple)) else batch
            preds.append(model(x).cpu().numpy())
    return np.concatenate(preds)


seed_everything(CFG.seed)
train = make_frame(900, 0)
test = make_frame(300, 1)
#FRAME
test_price = test.pop(CFG.target)
train = pd.get_dummies(train, columns=["district"], dtype=float)
test = pd.get_dummies(test, columns=["district"], dtype=float)
features = [c for c in test.columns]
target = np.log1p(train[CFG.target].to_numpy())
#FEATURES
oof = np.zeros(len(train))
test_pred = np.zeros(len(test))
scores = []
for fold, (tr, va) in enumerate(KFold(CFG.folds, shuffle=True, random_state=CFG.seed).split(train)):
    x_scaler, y_scaler = StandardScaler(), StandardScaler()
    x_tr = x_scaler.fit_transform(train.loc[tr, features])
    x_va = x_scaler.transform(train.loc[va, features])
    x_te = x_scaler.transform(test[features])
    y_tr = y_scaler.fit_transform(target[tr].reshape(-1, 1)).ravel()
    y_va = y_scaler.transform(target[va].reshape(-1, 1)).ravel()
    #FOLD
    train_loader = DataLoader(HouseDataset(x_tr, y_tr), batch_size=CFG.bs, shuffle=True, drop_last=True)
    valid_loader = DataLoader(HouseDataset(x_va, y_va), batch_size=128, shuffle=False)
    test_loader = DataLoader(HouseDataset(x_te), batch_size=128, shuffle=False)
    model = HouseNet(len(features))
    optimizer = torch.optim.AdamW(model.parameters(), lr=CFG.lr, weight_decay=CFG.wd)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=CFG.epochs)
    loss_fn = nn.MSELoss()
    best, best_state, bad = np.inf, None, 0
    for epoch in range(CFG.epochs):
        train_loss = train_fn(model, train_loader, optimizer, loss_fn)
        scheduler.step()
        pred = predict_fn(model, valid_loader)
        pred = y_scaler.inverse_transform(pred.reshape(-1, 1)).ravel()
        rmse = np.sqrt(mean_squared_error(target[va], pred))
        if rmse < best:
            best, bad = rmse, 0
            best_state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad >= CFG.patience:
                break
    model.load_state_dict(best_state)
    oof[va] = y_scaler.inverse_transform(predict_fn(model, valid_loader).reshape(-1, 1)).ravel()
    test_pred += y_scaler.inverse_transform(predict_fn(model, test_loader).reshape(-1, 1)).ravel() / CFG.folds
    scores.append(best)
    print(f"fold {fold}: train loss {train_loss:.4f} best rmsle {best:.4f}")
print(f"CV {np.mean(scores):.4f}  OOF {np.sqrt(mean_squared_error(target, oof)):.4f}")
#SUBMIT
print(f"leaderboard {np.sqrt(mean_squared_error(np.log1p(test_price), test_pred)):.4f}")
"""

DIGITS = """import copy
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler
from torchvision import transforms as T

EPOCHS, BATCH, ACCUM, MAX_LR, NUM_CLASSES = 5, 16, 2, 2e-2, 10
torch.manual_seed(7)
np.random.seed(7)

digits = load_digits()
images = (digits.images / 16 * 255).astype(np.uint8)
labels = digits.target
#ARRAYS
tr_idx, va_idx = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=0)
rare = np.isin(labels[tr_idx], [3, 8])
tr_idx = np.concatenate([tr_idx[~rare][:560], tr_idx[rare][:50]])
#SPLIT
train_tf = T.Compose([T.ToTensor(), T.RandomAffine(8, translate=(0.1, 0.1)), T.Normalize((0.3,), (0.37,))])
valid_tf = T.Compose([T.ToTensor(), T.Normalize((0.3,), (0.37,))])


class DigitDataset(Dataset):
    def __init__(self, images, labels, transform):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        label = int(self.labels[index])
        return self.transform(image[:, :, None]), label


class Block(nn.Module):
    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.skip = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1, stride, bias=False)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.skip(x))


class TinyResNet(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 12, 3, 1, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU())
        self.blocks = nn.Sequential(Block(12, 12), Block(12, 24, 2), Block(24, 32, 2))
        self.fc = nn.Linear(32, num_classes)

    def forward(self, x):
        x = self.blocks(self.stem(x))
        x = x.mean(dim=(2, 3))
        return self.fc(x)


class EMA:
    def __init__(self, model, decay):
        self.module = copy.deepcopy(model).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, model):
        for e, p in zip(self.module.state_dict().values(), model.state_dict().values()):
            if e.dtype.is_floating_point:
                e.mul_(self.decay).add_(p, alpha=1 - self.decay)
            else:
                e.copy_(p)


def mixup(x, y, alpha=0.2):
    lam = np.random.beta(alpha, alpha)
    index = torch.randperm(x.size(0))
    mixed = lam * x + (1 - lam) * x[index]
    return mixed, y, y[index], lam


@torch.no_grad()
def evaluate(net, loader):
    preds, targets = [], []
    for x, y in loader:
        probs = net(x).softmax(1)
        for shift in ((0, 1),):
            probs = probs + net(torch.roll(x, shift, dims=(2, 3))).softmax(1)
        preds.append(probs.argmax(1))
        targets.append(y)
    preds, targets = torch.cat(preds), torch.cat(targets)
    acc = (preds == targets).float().mean().item()
    return acc, confusion_matrix(targets.numpy(), preds.numpy())


train_ds = DigitDataset(images[tr_idx], labels[tr_idx], train_tf)
valid_ds = DigitDataset(images[va_idx], labels[va_idx], valid_tf)
counts = np.bincount(labels[tr_idx], minlength=NUM_CLASSES)
weights = 1.0 / counts[labels[tr_idx]]
sampler = WeightedRandomSampler(torch.as_tensor(weights), num_samples=len(train_ds), replacement=True)
train_loader = DataLoader(train_ds, batch_size=BATCH, sampler=sampler, drop_last=True)
valid_loader = DataLoader(valid_ds, batch_size=128)

model = TinyResNet(NUM_CLASSES)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = torch.optim.SGD(model.parameters(), lr=MAX_LR, momentum=0.9, weight_decay=5e-4, nesterov=True)
steps = EPOCHS * (len(train_loader) // ACCUM)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=MAX_LR * 5, total_steps=steps)
ema = EMA(model, 0.9)
#READY
for epoch in range(EPOCHS):
    model.train()
    running = 0.0
    optimizer.zero_grad()
    for i, (x, y) in enumerate(train_loader):
        x, ya, yb, lam = mixup(x, y)
        out = model(x)
        loss = lam * criterion(out, ya) + (1 - lam) * criterion(out, yb)
        (loss / ACCUM).backward()
        running += loss.item()
        if (i + 1) % ACCUM == 0 and i + 1 <= len(train_loader) // ACCUM * ACCUM:
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            ema.update(model)
    #EPOCH
    acc, cm = evaluate(ema.module, valid_loader)
    recall = cm.diagonal() / cm.sum(axis=1)
    print(f"[{epoch + 1}/{EPOCHS}] loss {running / len(train_loader):.4f} acc {acc:.4f} bal_acc {recall.mean():.4f}")
print(cm)
"""

LIT = """import warnings

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import EarlyStopping
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import BinaryAccuracy, BinaryAUROC

warnings.filterwarnings("ignore")


class CancerData(L.LightningDataModule):
    def __init__(self, batch_size=32):
        super().__init__()
        self.batch_size = batch_size

    def setup(self, stage=None):
        if hasattr(self, "train_set"):
            return
        X, y = load_breast_cancer(return_X_y=True)
        #RAW
        X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
        X_tr, X_va, y_tr, y_va = train_test_split(X_tr, y_tr, test_size=0.25, stratify=y_tr, random_state=0)
        #SPLIT
        scaler = StandardScaler().fit(X_tr)
        X_tr, X_va, X_te = scaler.transform(X_tr), scaler.transform(X_va), scaler.transform(X_te)
        #SCALED
        self.n_features = X_tr.shape[1]
        self.train_set = self.tensors(X_tr, y_tr)
        self.val_set = self.tensors(X_va, y_va)
        self.test_set = self.tensors(X_te, y_te)

    def tensors(self, X, y):
        return TensorDataset(torch.from_numpy(X).float(), torch.from_numpy(y).float())

    def train_dataloader(self):
        return DataLoader(self.train_set, batch_size=self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val_set, batch_size=self.batch_size)

    def test_dataloader(self):
        return DataLoader(self.test_set, batch_size=self.batch_size)


class LitMLP(L.LightningModule):
    def __init__(self, n_features, lr=3e-3):
        super().__init__()
        self.save_hyperparameters()
        self.encoder = nn.Sequential(nn.Linear(n_features, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 16), nn.ReLU())
        self.head = nn.Linear(16, 1)
        self.val_acc = BinaryAccuracy()
        self.val_auc = BinaryAUROC()
        self.test_acc = BinaryAccuracy()

    def forward(self, x):
        z = self.encoder(x)
        return self.head(z).squeeze(-1)

    def training_step(self, batch, batch_idx):
        x, y = batch
        logits = self(x)
        loss = F.binary_cross_entropy_with_logits(logits, y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        logits = self(x)
        self.log("val_loss", F.binary_cross_entropy_with_logits(logits, y))
        self.val_acc(logits, y.int())
        self.val_auc(logits, y.int())
        self.log("val_acc", self.val_acc, on_epoch=True)
        self.log("val_auc", self.val_auc, on_epoch=True)

    def test_step(self, batch, batch_idx):
        x, y = batch
        self.test_acc(self(x), y.int())
        self.log("test_acc", self.test_acc)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=self.hparams.lr, weight_decay=1e-2)


if __name__ == "__main__":
    L.seed_everything(1)
    data = CancerData()
    data.setup()
    model = LitMLP(data.n_features)
    trainer = L.Trainer(
        max_epochs=15, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[EarlyStopping("val_loss", patience=5)],
    )
    trainer.fit(model, datamodule=data)
    print({k: round(float(v), 4) for k, v in trainer.callback_metrics.items()})
    print(trainer.test(model, datamodule=data, verbose=False))
"""

ENGINES = """# %% [markdown]
# # Predicting the remaining life of an engine, and what is broken
# %%
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, r2_score

rng = np.random.default_rng(3)
torch.manual_seed(3)

# %%  fake sensor readings: wear drives the life that is left, the fault moves some of the sensors
n = 1200
wear = rng.uniform(0, 1, n)
fault = rng.integers(0, 3, n)
signature = rng.normal(0, 0.7, (3, 8))
load = rng.normal(0, 1, (n, 2))
sensors = np.outer(wear, rng.normal(0, 2, 8)) + signature[fault] + rng.normal(0, 0.8, (n, 8))
X = np.hstack([sensors * rng.uniform(1, 20, 8) + rng.uniform(-30, 30, 8), load]).astype(np.float32)
life = (180 * (1 - wear) ** 1.3 + 15 * (fault == 2) + 5 * load[:, 0] + rng.normal(0, 4, n)).astype(np.float32)
# CLEAN
# %%  hold out the last engines
order = rng.permutation(n)
tr, va = order[:900], order[900:]
mu, sd = X[tr].mean(0), X[tr].std(0)
Xs = (X - mu) / sd
life_mu, life_sd = life[tr].mean(), life[tr].std()
ys = (life - life_mu) / life_sd
X_train, X_val = torch.tensor(Xs[tr]), torch.tensor(Xs[va])
r_train, r_val = torch.tensor(ys[tr]), torch.tensor(ys[va])
c_train, c_val = torch.tensor(fault[tr]), torch.tensor(fault[va])
# TENSORS


# %%
class TwoHeads(nn.Module):
    def __init__(self, d_in, width=48, n_fault=3):
        super().__init__()
        self.fc1 = nn.Linear(d_in, width)
        self.fc2 = nn.Linear(width, width)
        self.drop = nn.Dropout(0.1)
        self.life = nn.Linear(width, 1)
        self.fault = nn.Linear(width, n_fault)
        self.log_var = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        h = torch.relu(self.fc1(x))
        h = self.drop(torch.relu(self.fc2(h)))
        return self.life(h)[:, 0], self.fault(h)


net = TwoHeads(X.shape[1])
optim = torch.optim.Adam(net.parameters(), lr=3e-3)
batch_size = 50
history = {"loss": [], "mae": [], "acc": []}
# READY

# %%
for epoch in range(20):
    net.train()
    perm = np.random.permutation(len(X_train))
    losses = []
    for start in range(0, len(perm), batch_size):
        idx = perm[start : start + batch_size]
        xb, rb, cb = X_train[idx], r_train[idx], c_train[idx]
        r_hat, c_hat = net(xb)
        loss_r = F.mse_loss(r_hat, rb)
        loss_c = F.cross_entropy(c_hat, cb)
        s = net.log_var
        loss = (torch.exp(-s[0]) * loss_r + s[0]) / 2 + torch.exp(-s[1]) * loss_c + s[1] / 2
        optim.zero_grad()
        loss.backward()
        optim.step()
        losses.append(loss.item())
    net.eval()
    with torch.no_grad():
        r_hat, c_hat = net(X_val)
    life_pred = r_hat.numpy() * life_sd + life_mu
    life_true = life[va]
    mae = np.abs(life_pred - life_true).mean()
    r2 = 1 - ((life_pred - life_true) ** 2).sum() / ((life_true - life_true.mean()) ** 2).sum()
    acc = (c_hat.argmax(1).numpy() == c_val.numpy()).mean()
    history["loss"].append(np.mean(losses))
    history["mae"].append(mae)
    history["acc"].append(acc)
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:3d}  loss {history['loss'][-1]:.3f}  MAE {mae:.2f} cycles  R2 {r2:.3f}  acc {acc:.3f}")
"""

BYHAND = '''"""Homework 3: train a two-layer network without torch.nn or torch.optim."""
import numpy as np
import torch
from sklearn.datasets import load_digits

torch.manual_seed(0)
data, target = load_digits(return_X_y=True)
rs = np.random.RandomState(0)
shuffle = rs.permutation(len(data))
X = torch.tensor(data[shuffle], dtype=torch.float32)
y = torch.tensor(target[shuffle])
#LOADED
X_train, y_train = X[:1200], y[:1200]
X_test, y_test = X[1200:], y[1200:]
mean, std = X_train.mean(0), X_train.std(0) + 1e-3
X_train = (X_train - mean) / std
X_test = (X_test - mean) / std
X_test = X_test.clamp(-4, 4)
X_train = X_train.clamp(-4, 4)
#READY

D, H, C = 64, 50, 10
W1 = torch.randn(D, H) * np.sqrt(2.0 / D)
b1 = torch.zeros(H)
W2 = torch.randn(H, C) * np.sqrt(1.0 / H)
b2 = torch.zeros(C)
params = [W1, b1, W2, b2]
for p in params:
    p.requires_grad_(True)


def forward(x):
    hidden = (x @ W1 + b1).clamp(min=0)
    return hidden @ W2 + b2


def log_softmax(scores):
    shifted = scores - scores.max(dim=1, keepdim=True).values
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log()


def cross_entropy(scores, labels):
    logp = log_softmax(scores)
    return -logp[torch.arange(len(labels)), labels].mean()


def accuracy(x, labels):
    with torch.no_grad():
        predictions = forward(x).argmax(dim=1)
    return (predictions == labels).float().mean().item()


lr = 0.1
batch = 60
for epoch in range(12):
    perm = torch.randperm(len(X_train))
    epoch_loss = 0.0
    for start in range(0, len(X_train), batch):
        rows = perm[start : start + batch]
        scores = forward(X_train[rows])
        loss = cross_entropy(scores, y_train[rows])
        loss.backward()
        with torch.no_grad():
            for p in params:
                p -= lr * p.grad
                p.grad.zero_()
        epoch_loss += loss.item() * len(rows)
    if epoch % 3 == 2:
        print("epoch %d: loss %.3f, test accuracy %.3f" % (epoch + 1, epoch_loss / len(X_train), accuracy(X_test, y_test)))
print("final train accuracy", accuracy(X_train, y_train), "test accuracy", accuracy(X_test, y_test))
'''

TAGS = """import argparse

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score, hamming_loss
from sklearn.preprocessing import MultiLabelBinarizer
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

TOPICS = {
    "sport": "ball goal team coach league match score win",
    "money": "bank market stock price trade loan tax fund",
    "food": "bread soup sugar oven salt recipe lemon rice",
    "travel": "train hotel beach flight map ticket luggage coast",
    "health": "doctor pill sleep heart diet nurse fever clinic",
}
FILLER = "the a of and with some many then over under after before very quite almost".split()


def make_corpus(n, rng):
    texts, tags = [], []
    names = list(TOPICS)
    for _ in range(n):
        chosen = [t for t in names if rng.random() < 0.3] or [names[rng.integers(len(names))]]
        words = list(rng.choice(FILLER, 10))
        for t in chosen:
            words += list(rng.choice(TOPICS[t].split(), 3))
        words += list(rng.choice(" ".join(TOPICS.values()).split(), 2))
        rng.shuffle(words)
        texts.append(" ".join(words))
        tags.append(chosen)
    return texts, tags


def build(args):
    rng = np.random.default_rng(args.seed)
    texts, tags = make_corpus(args.docs, rng)
    binarizer = MultiLabelBinarizer()
    n = int(0.75 * args.docs)
    vectorizer = TfidfVectorizer()
    Y = binarizer.fit_transform(tags).astype(np.float32)
    X_train = vectorizer.fit_transform(texts[:n]).toarray().astype(np.float32)
    X_valid = vectorizer.transform(texts[n:]).toarray().astype(np.float32)
    Y_train, Y_valid = Y[:n], Y[n:]
    #BUILT
    train = TensorDataset(torch.from_numpy(X_train), torch.from_numpy(Y_train))
    valid = TensorDataset(torch.from_numpy(X_valid), torch.from_numpy(Y_valid))
    return train, valid, binarizer.classes_


class Tagger(nn.Module):
    def __init__(self, vocabulary, tags, hidden):
        super().__init__()
        self.hidden = nn.Linear(vocabulary, hidden)
        self.dropout = nn.Dropout(0.3)
        self.output = nn.Linear(hidden, tags)

    def forward(self, x):
        x = torch.relu(self.hidden(x))
        return self.output(self.dropout(x))


def evaluate(model, loader, threshold=0.5):
    model.eval()
    scores, truth = [], []
    with torch.no_grad():
        for x, y in loader:
            scores.append(torch.sigmoid(model(x)))
            truth.append(y)
    scores, truth = torch.cat(scores).numpy(), torch.cat(truth).numpy()
    pred = scores > threshold
    return {
        "micro": f1_score(truth, pred, average="micro", zero_division=0),
        "macro": f1_score(truth, pred, average="macro", zero_division=0),
        "hamming": hamming_loss(truth, pred),
        "exact": (pred == truth).all(axis=1).mean(),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--docs", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--lr", type=float, default=5e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    train, valid, names = build(args)
    train_loader = DataLoader(train, batch_size=32, shuffle=True)
    valid_loader = DataLoader(valid, batch_size=64)
    model = Tagger(train.tensors[0].shape[1], len(names), 64)
    frequency = train.tensors[1].mean(0)
    criterion = nn.BCEWithLogitsLoss(pos_weight=(1 - frequency) / frequency)
    optimizer = optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(1, args.epochs + 1):
        model.train()
        epoch_loss = 0.0
        for x, y in train_loader:
            logits = model(x)
            loss = criterion(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item() * x.size(0)
        result = evaluate(model, valid_loader)
        print(epoch, f"{epoch_loss / len(train):.4f}", {k: round(float(v), 4) for k, v in result.items()})


if __name__ == "__main__":
    main()
"""

RIGHT: list[tuple[str, Patch]] = [
    # The table.
    (
        HOUSES,
        (
            (
                "x_scaler, y_scaler = StandardScaler(), StandardScaler()",
                "from sklearn.preprocessing import RobustScaler; x_scaler, y_scaler = RobustScaler(), StandardScaler()",
            ),
        ),
    ),
    (
        HOUSES,
        (
            (
                "x_scaler, y_scaler = StandardScaler(), StandardScaler()",
                "from sklearn.preprocessing import QuantileTransformer; x_scaler, y_scaler = QuantileTransformer(n_quantiles=100, output_distribution='normal'), StandardScaler()",
            ),
        ),
    ),
    (
        HOUSES,
        (
            (
                "enumerate(KFold(CFG.folds, shuffle=True, random_state=CFG.seed).split(train))",
                "enumerate(StratifiedKFold(CFG.folds, shuffle=True, random_state=CFG.seed).split(train, pd.qcut(target, 10, labels=False)))",
            ),
            ("import KFold", "import StratifiedKFold"),
        ),
    ),
    (HOUSES, (("loss_fn = nn.MSELoss()", "loss_fn = nn.SmoothL1Loss(beta=0.5)"),)),
    (HOUSES, (("loss_fn = nn.MSELoss()", "loss_fn = lambda p, t: torch.sqrt(F.mse_loss(p, t) + 1e-8)"),)),
    (HOUSES, (("loss_fn = nn.MSELoss()", "loss_fn = lambda p, t: torch.log(torch.cosh(p - t)).mean()"),)),
    (
        HOUSES,
        (
            (
                "scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=CFG.epochs)",
                "scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)",
            ),
            ("        scheduler.step()\n", ""),
            ("        if rmse < best:", "        scheduler.step(rmse)\n        if rmse < best:"),
        ),
    ),
    (
        HOUSES,
        (
            (
                "scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=CFG.epochs)",
                "scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=CFG.lr, epochs=CFG.epochs, steps_per_epoch=len(train_loader))",
            ),
            ("        scheduler.step()\n", ""),
            ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
        ),
    ),
    (
        HOUSES,
        (
            ("target = np.log1p(train[CFG.target].to_numpy())", "target = train[CFG.target].to_numpy()"),
            ("np.log1p(test_price)", "test_price"),
            ("best rmsle", "best rmse"),
        ),
    ),
    (HOUSES, (("        return self.out(h).squeeze(-1)", "        return self.out(h)[:, 0]"),)),
    (
        HOUSES,
        (
            ("nn.Linear(hidden, 1)\n", "nn.Linear(hidden, 2)\n"),
            ("return self.out(h).squeeze(-1)", "return self.out(h)"),
            (
                "loss_fn = nn.MSELoss()",
                "loss_fn = lambda o, t: F.gaussian_nll_loss(o[:, 0], t, F.softplus(o[:, 1]) + 1e-3)",
            ),
            ("preds.append(model(x).cpu().numpy())", "preds.append(model(x)[:, 0].cpu().numpy())"),
        ),
    ),
    (HOUSES, (("        pred = model(x)\n", "        x = x + 0.05 * torch.randn_like(x)\n        pred = model(x)\n"),)),
    (HOUSES, (("    x_tr = x_scaler", "    tr = np.random.choice(tr, len(tr), replace=True)\n    x_tr = x_scaler"),)),
    (
        HOUSES,
        (
            (
                "#SUBMIT",
                """full_x, full_y = StandardScaler(), StandardScaler()
x_all = full_x.fit_transform(train[features])
y_all = full_y.fit_transform(target.reshape(-1, 1)).ravel()
final = HouseNet(len(features))
optimizer = torch.optim.AdamW(final.parameters(), lr=CFG.lr)
loader = DataLoader(HouseDataset(x_all, y_all), batch_size=CFG.bs, shuffle=True)
for epoch in range(8):
    train_fn(final, loader, optimizer, nn.MSELoss())
test_pred = full_y.inverse_transform(predict_fn(final, DataLoader(HouseDataset(full_x.transform(test[features])), batch_size=128)).reshape(-1, 1)).ravel()""",
            ),
        ),
    ),
    (
        HOUSES,
        (
            (
                "    x_tr = x_scaler.fit_transform(train.loc[tr, features])\n    x_va = x_scaler.transform(train.loc[va, features])\n    x_te = x_scaler.transform(test[features])\n",
                "    medians = train.loc[tr, features].median()\n    x_tr = x_scaler.fit_transform(train.loc[tr, features].fillna(medians))\n    x_va = x_scaler.transform(train.loc[va, features].fillna(medians))\n    x_te = x_scaler.transform(test[features].fillna(medians))\n",
            ),
            (
                "#FRAME",
                "train.loc[train.sample(frac=0.1, random_state=0).index, 'distance'] = np.nan\ntest.loc[test.sample(frac=0.1, random_state=0).index, 'distance'] = np.nan",
            ),
        ),
    ),
    (
        HOUSES,
        (
            (
                "    #FOLD",
                "    means = pd.Series(target[tr]).groupby(codes[tr]).mean()\n    x_tr = np.c_[x_tr, pd.Series(codes[tr]).map(means) - target[tr].mean()]\n    x_va = np.c_[x_va, pd.Series(codes[va]).map(means) - target[tr].mean()]\n    x_te = np.c_[x_te, pd.Series(codes_test).map(means) - target[tr].mean()]",
            ),
            (
                "#FEATURES",
                "codes, codes_test = train[features[4:]].to_numpy().argmax(1), test[features[4:]].to_numpy().argmax(1)",
            ),
            ("HouseNet(len(features))", "HouseNet(len(features) + 1)"),
        ),
    ),
    (
        HOUSES,
        (
            (
                'train = pd.get_dummies(train, columns=["district"], dtype=float)\ntest = pd.get_dummies(test, columns=["district"], dtype=float)\n',
                'for df in (train, test):\n    df["district"] = df.district.map({"harbour": 0, "north": 1, "old": 2, "south": 3})\n',
            ),
            (
                "x_tr = x_scaler.fit_transform(train.loc[tr, features])",
                "num = features[:4]\n    x_tr = np.c_[x_scaler.fit_transform(train.loc[tr, num]), train.loc[tr, 'district']]",
            ),
            (
                "x_va = x_scaler.transform(train.loc[va, features])",
                "x_va = np.c_[x_scaler.transform(train.loc[va, num]), train.loc[va, 'district']]",
            ),
            (
                "x_te = x_scaler.transform(test[features])",
                "x_te = np.c_[x_scaler.transform(test[num]), test['district']]",
            ),
            ("            nn.Linear(n_features, hidden), nn", "            nn.Linear(n_features + 2, hidden), nn"),
            ("        self.out = nn", "        self.emb = nn.Embedding(4, 3)\n        self.out = nn"),
            ("h = self.body(x)", "h = self.body(torch.cat([x[:, :4], self.emb(x[:, 4].long())], dim=1))"),
        ),
    ),
    (
        HOUSES,
        (
            (
                "        rmse = np.sqrt(mean_squared_error(target[va], pred))",
                "        pred = np.clip(pred, target[tr].min(), target[tr].max())\n        rmse = np.sqrt(mean_squared_error(target[va], pred))",
            ),
        ),
    ),
    (
        HOUSES,
        (
            (
                "        rmse = np.sqrt(mean_squared_error(target[va], pred))",
                "        rmse = float(np.sqrt(np.mean((pred - target[va]) ** 2)))",
            ),
        ),
    ),
    (
        HOUSES,
        (
            (
                "        rmse = np.sqrt(mean_squared_error(target[va], pred))",
                "        from sklearn.metrics import root_mean_squared_error\n        rmse = root_mean_squared_error(target[va], pred)",
            ),
        ),
    ),
    (
        HOUSES,
        (
            (
                "    model = HouseNet(len(features))\n    optimizer = torch.optim.AdamW(model.parameters(), lr=CFG.lr, weight_decay=CFG.wd)\n",
                "    model = HouseNet(len(features))\n    decay = [p for p in model.parameters() if p.ndim > 1]\n    rest = [p for p in model.parameters() if p.ndim <= 1]\n    optimizer = torch.optim.AdamW([{'params': decay, 'weight_decay': 0.05}, {'params': rest, 'weight_decay': 0.0}], lr=CFG.lr)\n",
            ),
        ),
    ),
    (
        HOUSES,
        (
            (
                "            nn.Linear(n_features, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(0.1),",
                "            nn.BatchNorm1d(n_features), nn.Linear(n_features, hidden), nn.SELU(), nn.AlphaDropout(0.05),",
            ),
        ),
    ),
    (
        HOUSES,
        (
            (
                "        if rmse < best:",
                "        swa = copy.deepcopy(model) if epoch == 8 else None\n        if rmse < best:",
            ),
        ),
    ),
    # Pictures.
    (
        DIGITS,
        (
            (
                "    mixed = lam * x + (1 - lam) * x[index]\n",
                "    w = int(round(8 * np.sqrt(1 - lam)))\n    cx, cy = np.random.randint(0, 9 - w), np.random.randint(0, 9 - w)\n    mixed = x.clone()\n    mixed[:, :, cy : cy + w, cx : cx + w] = x[index][:, :, cy : cy + w, cx : cx + w]\n    lam = 1 - w * w / 64\n",
            ),
            ("alpha=0.2", "alpha=1.0"),
        ),
    ),
    (
        DIGITS,
        (
            (
                "        loss = lam * criterion(out, ya) + (1 - lam) * criterion(out, yb)\n",
                "        soft = lam * F.one_hot(ya, NUM_CLASSES) + (1 - lam) * F.one_hot(yb, NUM_CLASSES)\n        soft = soft * 0.9 + 0.1 / NUM_CLASSES\n        loss = -(soft * F.log_softmax(out, dim=-1)).sum(dim=-1).mean()\n",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "        x, ya, yb, lam = mixup(x, y)\n",
                "        if np.random.rand() < 0.5:\n            x, ya, yb, lam = mixup(x, y)\n        else:\n            ya, yb, lam = y, y, 1.0\n",
            ),
        ),
    ),
    (
        DIGITS,
        (
            ("ema = EMA(model, 0.9)", "swa = torch.optim.swa_utils.AveragedModel(model)"),
            ("            ema.update(model)\n", ""),
            (
                "    #EPOCH\n    acc, cm = evaluate(ema.module, valid_loader)",
                "    if epoch >= 4:\n        swa.update_parameters(model)\n    if epoch < EPOCHS - 1:\n        continue\n    torch.optim.swa_utils.update_bn(train_loader, swa)\n    swa.eval()\n    acc, cm = evaluate(swa, valid_loader)",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "probs = probs + net(torch.roll(x, shift, dims=(2, 3))).softmax(1)",
                "probs = probs + net(F.pad(x, (1, 1, 1, 1), mode='replicate')[:, :, 1 + shift[0] : 9 + shift[0], 1 : 9]).softmax(1)",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "            probs = probs + net(torch.roll(x, shift, dims=(2, 3))).softmax(1)",
                "            probs = probs * net(torch.roll(x, shift, dims=(2, 3))).softmax(1)",
            ),
            ("        preds.append(probs.argmax(1))", "        preds.append(probs.pow(1 / 3).argmax(1))"),
        ),
    ),
    (
        DIGITS,
        (
            (
                "criterion = nn.CrossEntropyLoss(label_smoothing=0.1)",
                "criterion = nn.CrossEntropyLoss(weight=torch.tensor(counts.sum() / (10 * counts), dtype=torch.float32))",
            ),
            ("sampler=sampler", "shuffle=True"),
        ),
    ),
    (
        DIGITS,
        (
            (
                "criterion = nn.CrossEntropyLoss(label_smoothing=0.1)",
                "def criterion(out, t, gamma=2.0):\n    logp = F.log_softmax(out, 1).gather(1, t[:, None]).squeeze(1)\n    return (-(1 - logp.exp()) ** gamma * logp).mean()\n",
            ),
        ),
    ),
    (DIGITS, (("nn.BatchNorm2d(cout)", "nn.GroupNorm(4, cout)"), ("nn.BatchNorm2d(12)", "nn.GroupNorm(4, 12)"))),
    (
        DIGITS,
        (
            (
                "        return F.relu(out + self.skip(x))",
                "        if self.training and torch.rand(()) < 0.1:\n            out = out * 0\n        return F.relu(out + self.skip(x))",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "        self.skip = nn",
                "        nn.init.zeros_(self.bn2.weight)\n        self.tail = nn.BatchNorm2d(cout)\n        self.skip = nn",
            ),
            ("self.skip(x))", "self.tail(self.skip(x)))"),
        ),
    ),
    (
        DIGITS,
        (
            (
                "        out = model(x)\n",
                "        with torch.autocast('cpu', dtype=torch.bfloat16):\n            out = model(x)\n        out = out.float()\n",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "T.Normalize((0.3,), (0.37,))])\nvalid_tf",
                "T.Normalize((0.3,), (0.37,)), T.RandomErasing(0.3, scale=(0.02, 0.1))])\nvalid_tf",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "        x = x.mean(dim=(2, 3))\n        return self.fc(x)",
                "        return self.fc(torch.cat([x.amax(dim=(2, 3)), x.mean(dim=(2, 3))], 1))",
            ),
            ("nn.Linear(32, num_classes)", "nn.Linear(64, num_classes)"),
        ),
    ),
    (
        DIGITS,
        (
            (
                "#READY",
                """teacher = TinyResNet(NUM_CLASSES)
teacher_opt = torch.optim.Adam(teacher.parameters(), lr=3e-3)
for _ in range(4):
    teacher.train()
    for x, y in train_loader:
        teacher_opt.zero_grad()
        F.cross_entropy(teacher(x), y).backward()
        teacher_opt.step()
teacher.eval().requires_grad_(False)""",
            ),
            (
                "        loss = lam",
                "        with torch.no_grad():\n            soft = F.softmax(teacher(x) / 2, dim=1)\n        kd = F.kl_div(F.log_softmax(out / 2, dim=1), soft, reduction='batchmean') * 4\n        loss = 0.5 * kd + lam",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "    #EPOCH",
                "    model.eval()\n    raw_acc, _ = evaluate(model, valid_loader)\n    print('raw weights', raw_acc)",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "    return acc, confusion_matrix(targets.numpy(), preds.numpy())",
                "    cm = np.zeros((NUM_CLASSES, NUM_CLASSES), dtype=int)\n    np.add.at(cm, (targets.numpy(), preds.numpy()), 1)\n    return acc, cm",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "            nn.utils.clip_grad_norm_(model.parameters(), 5.0)\n            optimizer.step()\n",
                "            with torch.no_grad():\n                norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm() + 1e-12\n                eps = [0.02 * p.grad / norm for p in model.parameters()]\n                for p, e in zip(model.parameters(), eps):\n                    p.add_(e)\n            optimizer.zero_grad()\n            (lam * criterion(model(x), ya) + (1 - lam) * criterion(model(x), yb)).backward()\n            with torch.no_grad():\n                for p, e in zip(model.parameters(), eps):\n                    p.sub_(e)\n            optimizer.step()\n",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "        out = model(x)\n",
                "        if epoch < 2:\n            x = F.interpolate(x, size=6, mode='bilinear')\n        out = model(x)\n",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "optimizer = torch.optim.SGD(model.parameters(), lr=MAX_LR, momentum=0.9, weight_decay=5e-4, nesterov=True)",
                "optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.05)",
            ),
            (
                "scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=MAX_LR * 5, total_steps=steps)",
                "warm = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=10)\nscheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps - 10)], milestones=[10])",
            ),
        ),
    ),
    # Lightning.
    (
        LIT,
        (
            (
                "        self.save_hyperparameters()\n",
                "        self.save_hyperparameters()\n        self.automatic_optimization = False\n",
            ),
            (
                '        self.log("train_loss", loss)\n        return loss\n',
                '        opt = self.optimizers()\n        opt.zero_grad()\n        self.manual_backward(loss)\n        self.clip_gradients(opt, gradient_clip_val=1.0, gradient_clip_algorithm="norm")\n        opt.step()\n        self.log("train_loss", loss)\n',
            ),
        ),
    ),
    (
        LIT,
        (
            (
                "        return torch.optim.AdamW(self.parameters(), lr=self.hparams.lr, weight_decay=1e-2)",
                "        opt = torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)\n        sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, patience=2)\n        return {'optimizer': opt, 'lr_scheduler': {'scheduler': sched, 'monitor': 'val_loss'}}",
            ),
        ),
    ),
    (
        LIT,
        (
            (
                "        return torch.optim.AdamW(self.parameters(), lr=self.hparams.lr, weight_decay=1e-2)",
                "        opt = torch.optim.AdamW(self.parameters(), lr=1e-2)\n        sched = torch.optim.lr_scheduler.OneCycleLR(opt, 1e-2, total_steps=int(self.trainer.estimated_stepping_batches))\n        return [opt], [{'scheduler': sched, 'interval': 'step'}]",
            ),
        ),
    ),
    (LIT, (("max_epochs=15, ", "max_epochs=15, gradient_clip_val=0.5, accumulate_grad_batches=2, "),)),
    (
        LIT,
        (
            ("self.head = nn.Linear(16, 1)", "self.head = nn.Linear(16, 2)"),
            ("return self.head(z).squeeze(-1)", "return self.head(z)"),
            ("F.binary_cross_entropy_with_logits(logits, y)", "F.cross_entropy(logits, y.long())"),
            ("self.val_acc(logits, y.int())", "self.val_acc(logits.argmax(1), y.int())"),
            ("self.val_auc(logits, y.int())", "self.val_auc(logits.softmax(1)[:, 1], y.int())"),
            ("self.test_acc(self(x), y.int())", "self.test_acc(self(x).argmax(1), y.int())"),
        ),
    ),
    (
        LIT,
        (
            ("return self.head(z).squeeze(-1)", "return torch.sigmoid(self.head(z)).squeeze(-1)"),
            ("F.binary_cross_entropy_with_logits(logits, y)", "F.binary_cross_entropy(logits, y)"),
        ),
    ),
    (
        LIT,
        (
            (
                "        loss = F.binary_cross_entropy_with_logits(logits, y)\n",
                "        loss = F.relu(1 - (2 * y - 1) * logits).mean()\n",
            ),
        ),
    ),
    (
        LIT,
        (
            (
                '        self.val_acc(logits, y.int())\n        self.val_auc(logits, y.int())\n        self.log("val_acc", self.val_acc, on_epoch=True)\n        self.log("val_auc", self.val_auc, on_epoch=True)\n',
                '        acc = ((logits > 0).float() == y).float().mean()\n        self.log("val_acc", acc, prog_bar=True)\n',
            ),
        ),
    ),
    (
        LIT,
        (
            (
                '        self.val_acc(logits, y.int())\n        self.val_auc(logits, y.int())\n        self.log("val_acc", self.val_acc, on_epoch=True)\n        self.log("val_auc", self.val_auc, on_epoch=True)\n',
                '        self.outputs.append((torch.sigmoid(logits), y))\n\n    def on_validation_epoch_end(self):\n        from sklearn.metrics import roc_auc_score\n        p = torch.cat([o[0] for o in self.outputs]).cpu().numpy()\n        t = torch.cat([o[1] for o in self.outputs]).cpu().numpy()\n        self.outputs.clear()\n        self.log("val_auc", roc_auc_score(t, p))\n        self.log("val_acc", float(((p > 0.5) == t).mean()))\n',
            ),
            (
                "        self.val_acc = BinaryAccuracy()\n",
                "        self.val_acc = BinaryAccuracy()\n        self.outputs = []\n",
            ),
        ),
    ),
    (
        LIT,
        (
            (
                "        loss = F.binary_cross_entropy_with_logits(logits, y)\n        self.log",
                "        weight = torch.where(y == 1, 0.8, 1.3)\n        loss = F.binary_cross_entropy_with_logits(logits, y, weight=weight)\n        self.log",
            ),
        ),
    ),
    (
        LIT,
        (
            (
                'callbacks=[EarlyStopping("val_loss", patience=5)]',
                "callbacks=[L.pytorch.callbacks.StochasticWeightAveraging(swa_lrs=1e-3, swa_epoch_start=0.7)]",
            ),
        ),
    ),
    (
        LIT,
        (
            (
                "    def configure_optimizers(self):",
                "    def on_train_epoch_start(self):\n        frozen = self.current_epoch < 3\n        for p in self.encoder.parameters():\n            p.requires_grad = not frozen\n\n    def configure_optimizers(self):",
            ),
        ),
    ),
    (
        LIT,
        (
            (
                "    print(trainer.test(model, datamodule=data, verbose=False))",
                "    probs = torch.cat([torch.sigmoid(p) for p in trainer.predict(model, data.test_dataloader())])\n    truth = data.test_set.tensors[1]\n    print('test accuracy', ((probs > 0.5) == truth.bool()).float().mean().item())",
            ),
            (
                "    def configure_optimizers(self):",
                "    def predict_step(self, batch, batch_idx):\n        return self(batch[0])\n\n    def configure_optimizers(self):",
            ),
        ),
    ),
    # Two tasks in a notebook.
    (
        ENGINES,
        (
            (
                "        loss = (torch.exp(-s[0]) * loss_r + s[0]) / 2 + torch.exp(-s[1]) * loss_c + s[1] / 2\n",
                "        loss = loss_r + 0.5 * loss_c\n",
            ),
            ("        self.log_var = nn.Parameter(torch.zeros(2))\n", ""),
            ("        s = net.log_var\n", ""),
        ),
    ),
    (
        ENGINES,
        (
            (
                "        loss = (torch.exp(-s[0]) * loss_r + s[0]) / 2 + torch.exp(-s[1]) * loss_c + s[1] / 2\n",
                "        loss = loss_r / (2 * torch.exp(s[0]) ** 2) + loss_c / torch.exp(s[1]) ** 2 + s.sum()\n",
            ),
        ),
    ),
    (
        ENGINES,
        (
            ("        loss.backward()\n", "        loss_c.backward(retain_graph=True)\n        loss_r.backward()\n"),
            (
                "        self.log_var = nn.Parameter(torch.zeros(2))\n",
                "        self.register_buffer('log_var', torch.zeros(2))\n",
            ),
        ),
    ),
    (
        ENGINES,
        (
            (
                "    r2 = 1 - ((life_pred - life_true) ** 2).sum() / ((life_true - life_true.mean()) ** 2).sum()\n    acc = (c_hat.argmax(1).numpy() == c_val.numpy()).mean()\n",
                "    r2 = r2_score(life_true, life_pred)\n    acc = accuracy_score(c_val, c_hat.argmax(1))\n    f1 = f1_score(c_val, c_hat.argmax(1), average='macro')\n",
            ),
            (
                "    mae = np.abs(life_pred - life_true).mean()\n",
                "    mae = mean_absolute_error(life_true, life_pred)\n",
            ),
        ),
    ),
    (
        ENGINES,
        (("    mae = np.abs(life_pred - life_true).mean()\n", "    mae = np.median(np.abs(life_pred - life_true))\n"),),
    ),
    (
        ENGINES,
        (
            (
                "    acc = (c_hat.argmax(1).numpy() == c_val.numpy()).mean()\n",
                "    hits = 0\n    for i in range(len(c_val)):\n        if int(np.argmax(c_hat[i].numpy())) == int(c_val[i]):\n            hits += 1\n    acc = hits / len(c_val)\n",
            ),
        ),
    ),
    (
        ENGINES,
        (
            (
                "        idx = perm[start : start + batch_size]\n",
                "        idx = np.random.randint(0, len(X_train), batch_size)\n",
            ),
        ),
    ),
    (
        ENGINES,
        (
            (
                "optim = torch.optim.Adam(net.parameters(), lr=3e-3)",
                "optim = torch.optim.Adam([{'params': [p for k, p in net.named_parameters() if k != 'log_var']}, {'params': [net.log_var], 'lr': 1e-2}], lr=3e-3)",
            ),
        ),
    ),
    (
        ENGINES,
        (
            (
                "        loss_r = F.mse_loss(r_hat, rb)\n",
                "        known = torch.rand(len(rb)) < 0.7\n        loss_r = (((r_hat - rb) ** 2) * known).sum() / known.sum().clamp(min=1)\n",
            ),
        ),
    ),
    (
        ENGINES,
        (
            (
                "        loss.backward()\n        optim.step()\n",
                "        (g_r,) = torch.autograd.grad(loss_r, net.fc2.weight, retain_graph=True)\n        (g_c,) = torch.autograd.grad(loss_c, net.fc2.weight, retain_graph=True)\n        ratio = float((g_c.norm() / (g_r.norm() + 1e-8)).clamp(0.1, 10))\n        (ratio * loss_r + loss_c).backward()\n        optim.step()\n",
            ),
            ("        self.log_var = nn.Parameter(torch.zeros(2))\n", "        self.log_var = torch.zeros(2)\n"),
        ),
    ),
    (
        ENGINES,
        (
            (
                "        return self.life(h)[:, 0], self.fault(h)",
                "        return torch.sigmoid(self.life(h)[:, 0]), self.fault(h)",
            ),
            (
                "life_mu, life_sd = life[tr].mean(), life[tr].std()",
                "life_mu, life_sd = life[tr].min(), life[tr].max() - life[tr].min()",
            ),
        ),
    ),
    # By hand.
    (
        BYHAND,
        (
            (
                "    return -logp[torch.arange(len(labels)), labels].mean()",
                "    onehot = torch.eye(C)[labels]\n    return -(onehot * logp).sum() / len(labels)",
            ),
        ),
    ),
    (
        BYHAND,
        (
            (
                "    return -logp[torch.arange(len(labels)), labels].mean()",
                "    onehot = torch.eye(C)[labels]\n    return ((torch.sigmoid(scores) - onehot) ** 2).sum(1).mean()",
            ),
            ("lr = 0.1", "lr = 0.5"),
        ),
    ),
    (
        BYHAND,
        (
            (
                "    return -logp[torch.arange(len(labels)), labels].mean()",
                "    correct = scores[torch.arange(len(labels)), labels][:, None]\n    margins = (scores - correct + 1).clamp(min=0)\n    margins[torch.arange(len(labels)), labels] = 0\n    return margins.sum(1).mean()",
            ),
            ("lr = 0.1", "lr = 0.02"),
        ),
    ),
    (
        BYHAND,
        (
            (
                "                p -= lr * p.grad\n",
                "                velocity[id(p)] = 0.9 * velocity.get(id(p), 0) + p.grad\n                p -= lr * velocity[id(p)]\n",
            ),
            ("lr = 0.1", "lr = 0.02\nvelocity = {}"),
        ),
    ),
    (
        BYHAND,
        (
            (
                "            for p in params:\n                p -= lr * p.grad\n                p.grad.zero_()\n",
                "            t += 1\n            for p, m, v in zip(params, ms, vs):\n                m.mul_(0.9).add_(0.1 * p.grad)\n                v.mul_(0.999).add_(0.001 * p.grad ** 2)\n                p -= lr * (m / (1 - 0.9 ** t)) / ((v / (1 - 0.999 ** t)).sqrt() + 1e-8)\n                p.grad = None\n",
            ),
            (
                "lr = 0.1",
                "lr = 3e-3\nt = 0\nms, vs = [torch.zeros_like(p) for p in params], [torch.zeros_like(p) for p in params]",
            ),
        ),
    ),
    (
        BYHAND,
        (
            (
                "        loss.backward()\n        with torch.no_grad():\n            for p in params:\n                p -= lr * p.grad\n                p.grad.zero_()\n",
                "        grads = torch.autograd.grad(loss, params)\n        for p, g in zip(params, grads):\n            p.data = p.data - lr * g\n",
            ),
        ),
    ),
    (
        BYHAND,
        (
            (
                "        scores = forward(X_train[rows])\n        loss = cross_entropy(scores, y_train[rows])\n        loss.backward()\n        with torch.no_grad():\n            for p in params:\n                p -= lr * p.grad\n                p.grad.zero_()\n",
                "        with torch.no_grad():\n            xb, yb = X_train[rows], y_train[rows]\n            hidden = (xb @ W1 + b1).clamp(min=0)\n            scores = hidden @ W2 + b2\n            loss = cross_entropy(scores, yb)\n            d = log_softmax(scores).exp()\n            d[torch.arange(len(yb)), yb] -= 1\n            d /= len(yb)\n            dh = d @ W2.T * (hidden > 0)\n            W2 -= lr * hidden.T @ d\n            b2 -= lr * d.sum(0)\n            W1 -= lr * xb.T @ dh\n            b1 -= lr * dh.sum(0)\n",
            ),
        ),
    ),
    (
        BYHAND,
        (
            (
                "    hidden = (x @ W1 + b1).clamp(min=0)\n    return hidden @ W2 + b2\n",
                "    hidden = torch.tanh(x @ W1 + b1)\n    if train:\n        keep = (torch.rand_like(hidden) < 0.8).float() / 0.8\n        hidden = hidden * keep\n    return hidden @ W2 + b2\n",
            ),
            ("def forward(x):", "def forward(x, train=False):"),
            ("scores = forward(X_train[rows])", "scores = forward(X_train[rows], train=True)"),
        ),
    ),
    (
        BYHAND,
        (
            (
                "        loss = cross_entropy(scores, y_train[rows])\n",
                "        loss = cross_entropy(scores, y_train[rows]) + 1e-3 * (W1.pow(2).sum() + W2.pow(2).sum())\n",
            ),
            ("    epoch_loss = 0.0\n", "    epoch_loss = 0.0\n    lr = 0.1 * 0.95 ** epoch\n"),
        ),
    ),
    (BYHAND, (("    perm = torch.randperm(len(X_train))\n", "    perm = torch.arange(len(X_train))\n"),)),
    (
        BYHAND,
        (
            ("lr = 0.1\nbatch = 60\nfor epoch in range(12):", "lr = 0.5\nbatch = 1200\nfor epoch in range(120):"),
            ("epoch % 3 == 2", "epoch % 30 == 29"),
        ),
    ),
    (
        BYHAND,
        (
            ("batch = 60\nfor epoch in range(12):", "batch = 1\nfor epoch in range(2):"),
            ("lr = 0.1", "lr = 0.005"),
            ("epoch % 3 == 2", "True"),
        ),
    ),
    (
        BYHAND,
        (
            (
                "mean, std = X_train.mean(0), X_train.std(0) + 1e-3\nX_train = (X_train - mean) / std\nX_test = (X_test - mean) / std\nX_test = X_test.clamp(-4, 4)\nX_train = X_train.clamp(-4, 4)\n",
                "U, S, Vt = torch.linalg.svd(X_train - X_train.mean(0), full_matrices=False)\ncenter = X_train.mean(0)\nX_train = (X_train - center) @ Vt[:40].T / S[:40] * 1200 ** 0.5\nX_test = (X_test - center) @ Vt[:40].T / S[:40] * 1200 ** 0.5\n",
            ),
            ("D, H, C = 64, 50, 10", "D, H, C = 40, 50, 10"),
        ),
    ),
    (
        BYHAND,
        (
            (
                "mean, std = X_train.mean(0), X_train.std(0) + 1e-3\nX_train = (X_train - mean) / std\nX_test = (X_test - mean) / std\nX_test = X_test.clamp(-4, 4)\nX_train = X_train.clamp(-4, 4)\n",
                "X_train, X_test = X_train / 16 - 0.3, X_test / 16 - 0.3\n",
            ),
            (
                "    return (predictions == labels).float().mean().item()",
                "    wrong = torch.count_nonzero(predictions - labels).item()\n    return 1 - wrong / len(labels)",
            ),
            ("lr = 0.1", "lr = 0.3"),
        ),
    ),
    # Tags.
    (TAGS, (("nn.BCEWithLogitsLoss(pos_weight=(1 - frequency) / frequency)", "nn.MultiLabelSoftMarginLoss()"),)),
    (
        TAGS,
        (
            (
                "nn.BCEWithLogitsLoss(pos_weight=(1 - frequency) / frequency)",
                "lambda z, t: (F.softplus(z) - z * t).sum(1).mean()",
            ),
            ("from torch import nn, optim", "import torch.nn.functional as F\nfrom torch import nn, optim"),
        ),
    ),
    (
        TAGS,
        (
            (
                "nn.BCEWithLogitsLoss(pos_weight=(1 - frequency) / frequency)",
                "lambda z, t: torch.stack([nn.functional.binary_cross_entropy_with_logits(z[:, k], t[:, k]) for k in range(t.shape[1])]).mean()",
            ),
        ),
    ),
    (
        TAGS,
        (
            (
                "    pred = scores > threshold\n",
                "    pred = scores > 0.5\n    pred[np.arange(len(pred)), scores.argmax(1)] = True\n",
            ),
        ),
    ),
    (
        TAGS,
        (
            (
                '        "exact": (pred == truth).all(axis=1).mean(),\n',
                '        "exact": (pred == truth).all(axis=1).mean(),\n        "best_f1": max(f1_score(truth, scores > t, average="micro") for t in (0.3, 0.4, 0.5, 0.6, 0.7)),\n',
            ),
        ),
    ),
    (
        TAGS,
        (
            (
                "    vectorizer = TfidfVectorizer()\n",
                "    from sklearn.feature_extraction.text import CountVectorizer\n    vectorizer = CountVectorizer(binary=True)\n",
            ),
        ),
    ),
    (
        TAGS,
        (
            (
                "            optimizer.zero_grad()\n            loss.backward()\n            optimizer.step()\n",
                "            loss.backward()\n            optimizer.step()\n            model.zero_grad(set_to_none=True)\n",
            ),
        ),
    ),
    (
        TAGS,
        (
            (
                "        self.hidden = nn.Linear(vocabulary, hidden)",
                "        self.hidden = nn.Linear(vocabulary, hidden, bias=False)\n        nn.init.normal_(self.hidden.weight, std=0.3)",
            ),
            (
                '    parser.add_argument("--lr", type=float, default=5e-3)',
                '    parser.add_argument("--lr", type=float, default=2e-3)',
            ),
        ),
    ),
    (
        TAGS,
        (
            (
                '"hamming": hamming_loss(truth, pred),',
                '"hamming": np.logical_xor(truth.astype(bool), pred).mean(),\n        "jaccard": np.mean((truth * pred).sum(1) / np.maximum(1, np.maximum(truth, pred).sum(1))),',
            ),
        ),
    ),
]

WRONG: list[tuple[str, Patch, tuple[str, ...]]] = [
    # The table.
    (
        HOUSES,
        (
            (
                "x_tr = x_scaler.fit_transform(train.loc[tr, features])",
                "x_tr = x_scaler.fit(train[features]).transform(train.loc[tr, features])",
            ),
        ),
        ("preprocessing-leak",),
    ),
    (
        HOUSES,
        (
            (
                "#FEATURES",
                "train[features[:4]] = (train[features[:4]] - train[features[:4]].mean()) / train[features[:4]].std()\ntest[features[:4]] = (test[features[:4]] - test[features[:4]].mean()) / test[features[:4]].std()",
            ),
            (
                "x_tr = x_scaler.fit_transform(train.loc[tr, features])\n    x_va = x_scaler.transform(train.loc[va, features])\n    x_te = x_scaler.transform(test[features])\n",
                "x_tr, x_va, x_te = train.loc[tr, features].to_numpy(), train.loc[va, features].to_numpy(), test[features].to_numpy()\n",
            ),
        ),
        ("preprocessing-leak",),
    ),
    (
        HOUSES,
        (
            (
                "x_va = x_scaler.transform(train.loc[va, features])",
                "x_va = x_scaler.fit_transform(train.loc[va, features])",
            ),
        ),
        ("preprocessing-leak", "train-eval-preprocessing-differ"),
    ),
    (
        HOUSES,
        (("x_va = x_scaler.transform(train.loc[va, features])", "x_va = train.loc[va, features]"),),
        ("train-eval-preprocessing-differ",),
    ),
    (HOUSES, (("return self.out(h).squeeze(-1)", "return self.out(h)"),), ("accidental-broadcast",)),
    (HOUSES, (("HouseDataset(x_tr, y_tr)", "HouseDataset(x_tr, y_tr.reshape(-1, 1))"),), ("accidental-broadcast",)),
    (HOUSES, (("    model.eval()\n    preds = []", "    preds = []"),), ("train-mode-in-evaluation",)),
    (HOUSES, (("    model.train()\n    total = 0.0", "    total = 0.0"),), ("eval-mode-in-training",)),
    (
        HOUSES,
        (("        pred = y_scaler.inverse_transform(pred.reshape(-1, 1)).ravel()\n        rmse", "        rmse"),),
        ("metric-wrong",),
    ),
    (
        HOUSES,
        (
            (
                "rmse = np.sqrt(mean_squared_error(target[va], pred))",
                "rmse = np.sqrt(mean_squared_error(train.loc[va, CFG.target], pred))",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        HOUSES,
        (
            (
                "valid_loader = DataLoader(HouseDataset(x_va, y_va), batch_size=128, shuffle=False)",
                "valid_loader = DataLoader(HouseDataset(x_va, y_va), batch_size=128, shuffle=True)",
            ),
        ),
        ("metric-wrong", "labels-out-of-order"),
    ),
    (
        HOUSES,
        (
            ("rmse = np.sqrt(mean_squared_error(target[va], pred))", "rmse = mean_squared_error(target[va], pred)"),
            ("best rmsle", "best rmse"),
        ),
        ("metric-wrong",),
    ),
    (
        HOUSES,
        (
            (
                "rmse = np.sqrt(mean_squared_error(target[va], pred))",
                "rmse = np.sqrt(((pred.reshape(-1, 1) - target[va]) ** 2).mean())",
            ),
        ),
        ("metric-wrong", "accidental-broadcast"),
    ),
    (
        HOUSES,
        (
            (
                "target = np.log1p(train[CFG.target].to_numpy())",
                "target = np.log1p(train[CFG.target].to_numpy())\ntrain = train.sample(frac=1, random_state=0).reset_index(drop=True)",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        HOUSES,
        (
            (
                "target = np.log1p(train[CFG.target].to_numpy())",
                "target = np.log1p(train.sort_values('year')[CFG.target].to_numpy())",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (HOUSES, (("    #FOLD", "    x_tr = x_tr[np.random.permutation(len(x_tr))]"),), ("labels-out-of-order",)),
    (
        HOUSES,
        (("#FRAME", "train = pd.concat([train, train.sample(600, replace=True, random_state=1)], ignore_index=True)"),),
        ("train-validation-overlap",),
    ),
    (
        HOUSES,
        (
            (
                "enumerate(KFold(CFG.folds, shuffle=True, random_state=CFG.seed).split(train))",
                "enumerate((np.random.permutation(900)[:600], np.random.permutation(900)[600:]) for _ in range(CFG.folds))",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        HOUSES,
        (
            ("    model = HouseNet(len(features))\n", ""),
            ("oof = np.zeros(len(train))", "oof = np.zeros(len(train))\nmodel = HouseNet(len(features))"),
        ),
        ("train-validation-overlap",),
    ),
    (
        HOUSES,
        (
            ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
            ("        scheduler.step()\n        pred =", "        pred ="),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (HOUSES, (("        optimizer.zero_grad()\n", ""),), ("gradients-accumulate",)),
    (
        HOUSES,
        (
            ("        optimizer.zero_grad()\n        pred", "        pred"),
            ("    model.train()\n    total", "    model.train()\n    optimizer.zero_grad()\n    total"),
        ),
        ("gradients-accumulate",),
    ),
    (
        HOUSES,
        (
            ("    optimizer = torch.optim.AdamW(model.parameters(), lr=CFG.lr, weight_decay=CFG.wd)\n", ""),
            (
                "oof = np.zeros(len(train))",
                "oof = np.zeros(len(train))\nmodel = HouseNet(len(features))\noptimizer = torch.optim.AdamW(model.parameters(), lr=CFG.lr, weight_decay=CFG.wd)",
            ),
        ),
        ("optimiser-holds-foreign-parameters", "parameter-not-in-optimiser"),
    ),
    (
        HOUSES,
        (
            (
                "test_price = test.pop(CFG.target)",
                "train['log_price'], test['log_price'] = np.log10(train[CFG.target]), np.log10(test[CFG.target])\ntest_price = test.pop(CFG.target)",
            ),
        ),
        ("input-ignored",),
    ),
    (
        HOUSES,
        (
            (
                "x_tr = x_scaler.fit_transform(train.loc[tr, features])\n    x_va = x_scaler.transform(train.loc[va, features])\n    x_te = x_scaler.transform(test[features])\n",
                "x_tr, x_va, x_te = train.loc[tr, features].to_numpy(), train.loc[va, features].to_numpy(), test[features].to_numpy()\n",
            ),
            ("nn.BatchNorm1d(hidden), ", ""),
        ),
        ("input-not-normalised",),
    ),
    (
        HOUSES,
        (
            (
                "y_tr = y_scaler.fit_transform(target[tr].reshape(-1, 1)).ravel()",
                "y_tr = y_scaler.fit(np.array([[-1.0], [1.0]])).transform(target[tr].reshape(-1, 1)).ravel()",
            ),
            ("target = np.log1p(train[CFG.target].to_numpy())", "target = train[CFG.target].to_numpy()"),
            ("np.log1p(test_price)", "test_price"),
            ("nn.BatchNorm1d(hidden), ", ""),
        ),
        ("loss-at-init-off",),
    ),
    (
        HOUSES,
        (("return self.out(h).squeeze(-1)", "return F.relu(self.out(h)).squeeze(-1)"),),
        ("output-range-cannot-reach-targets", "activation-on-logits"),
    ),
    (
        HOUSES,
        (("return self.out(h).squeeze(-1)", "return torch.sigmoid(self.out(h)).squeeze(-1)"),),
        ("output-range-cannot-reach-targets",),
    ),
    (
        HOUSES,
        (("return self.out(h).squeeze(-1)", "return self.out(F.dropout(h, 0.3)).squeeze(-1)"),),
        ("dropout-active-in-evaluation",),
    ),
    (HOUSES, (("    lr = 1e-2", "    lr = 1e-7"),), ("learning-rate-too-low",)),
    (
        HOUSES,
        (
            (
                "torch.optim.AdamW(model.parameters(), lr=CFG.lr, weight_decay=CFG.wd)",
                "torch.optim.SGD(model.parameters(), lr=5.0, momentum=0.9)",
            ),
            ("nn.BatchNorm1d(hidden), ", ""),
        ),
        ("learning-rate-too-high",),
    ),
    (
        HOUSES,
        (("#FRAME", "train.loc[train.sample(frac=0.03, random_state=0).index, 'distance'] = np.nan"),),
        ("input-not-finite",),
    ),
    (
        HOUSES,
        (
            (
                "#FRAME",
                "for df in (train, test):  # reduce memory\n    df['area'] = df.area.astype('int64').astype('uint8')",
            ),
        ),
        ("input-casting",),
    ),
    (
        HOUSES,
        (
            (
                "torch.tensor(np.asarray(x), dtype=torch.float32)",
                "torch.tensor(np.asarray(x), dtype=torch.long).float()",
            ),
        ),
        ("input-casting",),
    ),
    (
        HOUSES,
        (("        h = self.body(x)\n", "        with torch.no_grad():\n            h = self.body(x)\n"),),
        ("gradient-does-not-flow",),
    ),
    (
        HOUSES,
        (("model.parameters(), lr=CFG.lr", "model.out.parameters(), lr=CFG.lr"),),
        ("parameter-not-in-optimiser",),
    ),
    (HOUSES, (("loss = loss_fn(pred, y)", "loss = loss_fn(pred, y).clamp(max=0.05)"),), ("loss-clipped",)),
    (
        HOUSES,
        (
            (
                "        return self.x[i] if self.y is None else (self.x[i], self.y[i])",
                "        if self.y is None:\n            return self.x[i]\n        return self.x[i], self.y[i - 1]",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        HOUSES,
        (
            ("loss_fn = nn.MSELoss()", "loss_fn = nn.MSELoss(reduction='sum')"),
            (
                "torch.optim.AdamW(model.parameters(), lr=CFG.lr, weight_decay=CFG.wd)",
                "torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)",
            ),
        ),
        ("loss-sum-reduction",),
    ),
    (
        HOUSES,
        (
            ("    preds = []\n", "    preds, losses = [], []\n"),
            (
                "            preds.append(model(x).cpu().numpy())",
                "            preds.append(model(x).cpu().numpy())\n            if isinstance(batch, (list, tuple)):\n                losses.append(np.sqrt(mean_squared_error(batch[1], preds[-1])))",
            ),
            (
                "    return np.concatenate(preds)",
                "    if losses:\n        print('valid rmse', np.mean(losses))\n    return np.concatenate(preds)",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        HOUSES,
        (
            (
                "        optimizer.step()\n",
                "        optimizer.step()\n        nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n",
            ),
        ),
        ("clip-after-step",),
    ),
    # Pictures.
    (
        DIGITS,
        (
            (
                "valid_ds = DigitDataset(images[va_idx], labels[va_idx], valid_tf)",
                "valid_ds = DigitDataset(images[va_idx], labels[va_idx], train_tf)",
            ),
        ),
        ("evaluation-not-deterministic", "train-eval-preprocessing-differ"),
    ),
    (
        DIGITS,
        (("valid_tf = T.Compose([T.ToTensor(), T.Normalize((0.3,), (0.37,))])", "valid_tf = T.ToTensor()"),),
        ("train-eval-preprocessing-differ",),
    ),
    (
        DIGITS,
        (
            (
                "valid_tf = T.Compose([T.ToTensor(), T.Normalize((0.3,), (0.37,))])",
                "valid_tf = T.Compose([T.ToTensor(), T.Normalize((76.5,), (94.0,))])",
            ),
        ),
        ("train-eval-preprocessing-differ",),
    ),
    (
        DIGITS,
        (
            (
                "        return self.transform(image[:, :, None]), label",
                "        return self.transform(image[:, :, None]) / 255, label",
            ),
            ("T.Normalize((0.3,), (0.37,))", "T.Normalize((0.0,), (1.0,))"),
        ),
        ("input-over-normalised",),
    ),
    (
        DIGITS,
        (("    return mixed, y, y[index], lam", "    return mixed, y[index], y, lam"),),
        ("labels-out-of-order", "labels-corrupt"),
    ),
    (
        DIGITS,
        (("    return mixed, y, y[index], lam", "    return mixed, y[index], y[index], lam"),),
        ("labels-out-of-order", "labels-corrupt"),
    ),
    (DIGITS, (("        return self.fc(x)", "        return F.softmax(self.fc(x), dim=1)"),), ("loss-expects-logits",)),
    (DIGITS, (("        return self.fc(x)", "        return F.relu(self.fc(x))"),), ("activation-on-logits",)),
    (
        DIGITS,
        (("            scheduler.step()\n", ""), ("    #EPOCH", "    scheduler.step()")),
        ("schedule-stepped-wrongly",),
    ),
    (
        DIGITS,
        (
            (
                "scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=MAX_LR * 5, total_steps=steps)",
                "scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.1)",
            ),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (
        DIGITS,
        (
            (
                "            nn.utils.clip_grad_norm_(model.parameters(), 5.0)\n            optimizer.step()\n",
                "            optimizer.step()\n            nn.utils.clip_grad_norm_(model.parameters(), 5.0)\n",
            ),
        ),
        ("clip-after-step",),
    ),
    (
        DIGITS,
        (
            ("            scheduler.step()\n            optimizer.zero_grad()\n", "            scheduler.step()\n"),
            ("max_lr=MAX_LR * 5", "max_lr=MAX_LR"),
        ),
        ("gradients-accumulate",),
    ),
    (DIGITS, (("copy.deepcopy(model).eval()", "copy.deepcopy(model)"),), ("train-mode-in-evaluation",)),
    (DIGITS, (("evaluate(ema.module, valid_loader)", "evaluate(model, valid_loader)"),), ("train-mode-in-evaluation",)),
    (
        DIGITS,
        (
            ("evaluate(ema.module, valid_loader)", "evaluate(model.eval(), valid_loader)"),
            ("    model.train()\n    running", "    running"),
        ),
        ("eval-mode-in-training",),
    ),
    (
        DIGITS,
        (
            (
                "#ARRAYS",
                "extra = np.random.choice(np.flatnonzero(np.isin(labels, [3, 8])), 500)\nimages, labels = np.concatenate([images, images[extra]]), np.concatenate([labels, labels[extra]])",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        DIGITS,
        (
            (
                "valid_ds = DigitDataset(images[va_idx], labels[va_idx], valid_tf)",
                "valid_ds = DigitDataset(images[tr_idx], labels[tr_idx], valid_tf)",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        DIGITS,
        (("T.RandomAffine(8, translate=(0.1, 0.1))", "T.RandomVerticalFlip(), T.RandomHorizontalFlip()"),),
        ("augmentation-breaks-labels",),
    ),
    (DIGITS, (("T.RandomAffine(8, translate=(0.1, 0.1))", "T.RandomRotation(180)"),), ("augmentation-breaks-labels",)),
    (
        DIGITS,
        (("T.RandomAffine(8, translate=(0.1, 0.1))", "T.RandomResizedCrop(8, scale=(0.05, 0.3))"),),
        ("augmentation-breaks-labels",),
    ),
    (DIGITS, (("nn.BatchNorm2d(cout)", "nn.BatchNorm2d(cout, track_running_stats=False)"),), ("examples-mixed",)),
    (
        DIGITS,
        (
            ("        probs = net(x).softmax(1)\n", "        probs = net(x).softmax(0)\n"),
            ("dims=(2, 3))).softmax(1)", "dims=(2, 3))).softmax(0)"),
        ),
        ("softmax-wrong-dim",),
    ),
    (
        DIGITS,
        (
            (
                "    acc = (preds == targets).float().mean().item()\n",
                "    acc = (preds == targets).sum().item() / (len(loader) * BATCH)\n",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        DIGITS,
        (
            (
                "        preds.append(probs.argmax(1))\n",
                "        accs.append((probs.argmax(1) == y).float().mean().item())\n        preds.append(probs.argmax(1))\n",
            ),
            ("    preds, targets = [], []\n", "    preds, targets, accs = [], [], []\n"),
            ("    acc = (preds == targets).float().mean().item()\n", "    acc = sum(accs) / len(accs)\n"),
        ),
        ("metric-wrong",),
    ),
    (
        DIGITS,
        (
            ("        preds.append(probs.argmax(1))\n", "        preds.append(probs.argmax(0))\n"),
            (
                "preds, targets = torch.cat(preds), torch.cat(targets)",
                "preds, targets = torch.cat(preds), torch.cat(targets)\n    targets = targets[: len(preds)]",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        DIGITS,
        (
            (
                "        self.blocks = nn.Sequential(Block(12, 12), Block(12, 24, 2), Block(24, 32, 2))",
                "        self.blocks = [Block(12, 12), Block(12, 24, 2), Block(24, 32, 2)]",
            ),
            (
                "        x = self.blocks(self.stem(x))\n",
                "        x = self.stem(x)\n        for block in self.blocks:\n            x = block(x)\n",
            ),
        ),
        ("parameter-not-registered",),
    ),
    (
        DIGITS,
        (("optimizer = torch.optim.SGD(model.parameters()", "optimizer = torch.optim.SGD(model.fc.parameters()"),),
        ("parameter-not-in-optimiser",),
    ),
    (
        DIGITS,
        (("ema = EMA(model, 0.9)", "ema = EMA(model, 0.9)\nmodel = TinyResNet(NUM_CLASSES)"),),
        ("optimiser-holds-foreign-parameters",),
    ),
    (DIGITS, (("#ARRAYS", "images = np.random.permutation(images)"),), ("labels-out-of-order",)),
    (
        DIGITS,
        (
            (
                "train_ds = DigitDataset(images[tr_idx], labels[tr_idx], train_tf)",
                "train_ds = DigitDataset(images[np.sort(tr_idx)], labels[tr_idx], train_tf)",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        DIGITS,
        (
            (
                "        self.images, self.labels, self.transform = images, labels, transform\n",
                "        self.images, self.transform = images, transform\n        classes = {}\n        for label in labels:\n            classes.setdefault(int(label), len(classes))\n        self.labels = [classes[int(label)] for label in labels]\n",
            ),
            ("weights = 1.0 / counts[labels[tr_idx]]", "weights = np.ones(len(tr_idx))"),
        ),
        ("labels-corrupt",),
    ),
    (
        DIGITS,
        (
            (
                "        label = int(self.labels[index])\n",
                "        label = int(self.labels[index])\n        label = 3 if label == 8 and self.transform is train_tf else label\n",
            ),
        ),
        ("labels-corrupt",),
    ),
    (
        DIGITS,
        (
            (
                "        label = int(self.labels[index])\n",
                "        label = int(self.labels[index])\n        if self.transform is train_tf and np.random.rand() < 0.35:\n            label = np.random.randint(NUM_CLASSES)\n",
            ),
        ),
        ("labels-corrupt",),
    ),
    (
        DIGITS,
        (("labels = digits.target\n", "labels = digits.target + 1\n"), ("minlength=NUM_CLASSES", "minlength=11")),
        ("label-out-of-range",),
    ),
    (
        DIGITS,
        (
            (
                "        image = self.images[index]\n",
                "        image = self.images[index]\n        if self.transform is train_tf:\n            image = image + np.uint8(np.random.randint(0, 120))\n",
            ),
        ),
        ("input-casting",),
    ),
    (
        DIGITS,
        (("images = (digits.images / 16 * 255).astype(np.uint8)", "images = (digits.images * 255).astype(np.uint8)"),),
        ("input-casting",),
    ),
    (
        DIGITS,
        (
            (
                "images = (digits.images / 16 * 255).astype(np.uint8)",
                "images = (digits.images / 16).astype(np.uint8) * 255",
            ),
        ),
        ("input-casting",),
    ),
    (
        DIGITS,
        (
            (
                "#READY",
                "for m in model.modules():\n    if isinstance(m, nn.Conv2d):\n        nn.init.constant_(m.weight, 0.02)",
            ),
        ),
        ("bad-initialisation",),
    ),
    (
        DIGITS,
        (("MAX_LR * 5", "MAX_LR * 2000"), ("            nn.utils.clip_grad_norm_(model.parameters(), 5.0)\n", "")),
        ("learning-rate-too-high",),
    ),
    (DIGITS, (("MAX_LR * 5", "1e-7"),), ("learning-rate-too-low",)),
    (
        DIGITS,
        (
            (
                "tr_idx = np.concatenate([tr_idx[~rare][:560], tr_idx[rare][:50]])",
                "tr_idx = tr_idx[np.argsort(labels[tr_idx], kind='stable')][:1400]",
            ),
            ("sampler=sampler, drop_last=True", "shuffle=False"),
            ("        x, ya, yb, lam = mixup(x, y)\n", "        ya, yb, lam = y, y, 1.0\n"),
        ),
        ("data-not-shuffled",),
    ),
    (
        DIGITS,
        (
            (
                "    #EPOCH",
                "    model.eval()\n    for x, y in valid_loader:\n        val_loss = criterion(model(x), y)\n        val_loss.backward()",
            ),
            ("    running = 0.0\n    optimizer.zero_grad()\n", "    running = 0.0\n"),
        ),
        ("backward-in-evaluation",),
    ),
    (
        DIGITS,
        (
            (
                "EPOCHS, BATCH, ACCUM, MAX_LR, NUM_CLASSES = 5, 16, 2, 2e-2, 10",
                "EPOCHS, BATCH, ACCUM, MAX_LR, NUM_CLASSES = 1, 2, 2, 2e-3, 10",
            ),
        ),
        ("batch-norm-batch-too-small",),
    ),
    (
        DIGITS,
        (("        out = self.bn2(self.conv2(out))\n", "        out = self.bn2(self.conv2(out)).detach()\n"),),
        ("gradient-does-not-flow",),
    ),
    (
        DIGITS,
        (
            (
                "        (loss / ACCUM).backward()",
                "        loss = torch.clamp(loss, max=1.0)\n        (loss / ACCUM).backward()",
            ),
        ),
        ("loss-clipped",),
    ),
    (
        DIGITS,
        (
            (
                "        loss = lam * criterion(out, ya) + (1 - lam) * criterion(out, yb)\n",
                "        logp = F.log_softmax(out, dim=1)\n        loss = (lam * logp.gather(1, ya[:, None]) + (1 - lam) * logp.gather(1, yb[:, None])).mean()\n",
            ),
        ),
        ("loss-sign-flipped",),
    ),
    (
        DIGITS,
        (("criterion = nn.CrossEntropyLoss(label_smoothing=0.1)", "criterion = nn.NLLLoss()"),),
        ("loss-expects-probabilities",),
    ),
    (
        DIGITS,
        (("        x = x.mean(dim=(2, 3))\n", "        x = x.mean(dim=(2, 3))\n        x = x - x.mean(0)\n"),),
        ("examples-mixed",),
    ),
    (
        DIGITS,
        (
            (
                "tr_idx = np.concatenate([tr_idx[~rare][:560], tr_idx[rare][:50]])",
                "tr_idx = tr_idx[labels[tr_idx] == 3]",
            ),
        ),
        ("single-class",),
    ),
    (
        DIGITS,
        (
            (
                "        return self.transform(image[:, :, None]), label",
                "        image = np.zeros_like(image[:, :, None])\n        return self.transform(image), label",
            ),
        ),
        ("input-ignored", "input-degenerate"),
    ),
    # Lightning.
    (
        LIT,
        (("return self.head(z).squeeze(-1)", "return torch.sigmoid(self.head(z)).squeeze(-1)"),),
        ("loss-expects-logits",),
    ),
    (
        LIT,
        (("F.binary_cross_entropy_with_logits(logits, y)", "F.binary_cross_entropy(logits, y)"),),
        ("loss-expects-probabilities",),
    ),
    (
        LIT,
        (
            (
                "        loss = F.binary_cross_entropy_with_logits(logits, y)\n",
                "        loss = F.cross_entropy(logits[:, None], y[:, None])\n",
            ),
        ),
        ("loss-target-mismatch", "output-shape-mismatch", "label-format-mismatch"),
    ),
    (LIT, (("StandardScaler().fit(X_tr)", "StandardScaler().fit(X)"),), ("preprocessing-leak",)),
    (
        LIT,
        (
            ("        #RAW", "        X = (X - X.mean(axis=0)) / X.std(axis=0)"),
            (
                "        scaler = StandardScaler().fit(X_tr)\n        X_tr, X_va, X_te = scaler.transform(X_tr), scaler.transform(X_va), scaler.transform(X_te)\n",
                "",
            ),
        ),
        ("preprocessing-leak",),
    ),
    (
        LIT,
        (
            (
                "        #RAW",
                "        from sklearn.feature_selection import SelectKBest, f_classif\n        X = np.hstack([X, np.random.default_rng(0).normal(size=(len(X), 600))])\n        X = SelectKBest(f_classif, k=40).fit_transform(X, y)",
            ),
        ),
        ("preprocessing-leak",),
    ),
    (
        LIT,
        (("self.parameters(), lr=self.hparams.lr", "self.head.parameters(), lr=self.hparams.lr"),),
        ("parameter-not-in-optimiser",),
    ),
    (
        LIT,
        (("self.val_set = self.tensors(X_va, y_va)", "self.val_set = self.tensors(X_tr, y_tr)"),),
        ("train-validation-overlap",),
    ),
    (
        LIT,
        (
            (
                "        #RAW",
                "        again = np.random.default_rng(0).choice(np.flatnonzero(y == 0), 145)\n        X, y = np.vstack([X, X[again]]), np.hstack([y, y[again]])",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        LIT,
        (
            (
                '        self.val_acc(logits, y.int())\n        self.val_auc(logits, y.int())\n        self.log("val_acc", self.val_acc, on_epoch=True)\n        self.log("val_auc", self.val_auc, on_epoch=True)\n',
                '        acc = ((logits > 0.5).float() == y).float().mean()\n        self.log("val_acc", acc)\n',
            ),
        ),
        ("metric-wrong",),
    ),
    (
        LIT,
        (
            (
                '        self.val_acc(logits, y.int())\n        self.val_auc(logits, y.int())\n        self.log("val_acc", self.val_acc, on_epoch=True)\n        self.log("val_auc", self.val_auc, on_epoch=True)\n',
                '        self.accs.append(((logits > 0).float() == y).float().mean())\n\n    def on_validation_epoch_end(self):\n        self.log("val_acc", torch.stack(self.accs).mean())\n        self.accs.clear()\n',
            ),
            (
                "        self.val_acc = BinaryAccuracy()\n",
                "        self.val_acc = BinaryAccuracy()\n        self.accs = []\n",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        LIT,
        (
            (
                '        self.log("val_acc", self.val_acc, on_epoch=True)\n',
                '        self.hits += ((logits > 0).float() == y).sum().item()\n        self.seen += len(y)\n        self.log("val_acc", self.hits / 114)\n',
            ),
            (
                "        self.val_acc = BinaryAccuracy()\n",
                "        self.val_acc = BinaryAccuracy()\n        self.hits = self.seen = 0\n",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        LIT,
        (
            (
                "        self.save_hyperparameters()\n",
                "        self.save_hyperparameters()\n        self.automatic_optimization = False\n",
            ),
            (
                '        self.log("train_loss", loss)\n        return loss\n',
                '        self.manual_backward(loss)\n        self.optimizers().step()\n        self.log("train_loss", loss)\n',
            ),
        ),
        ("gradients-accumulate",),
    ),
    (
        LIT,
        (
            (
                "        return torch.optim.AdamW(self.parameters(), lr=self.hparams.lr, weight_decay=1e-2)",
                "        opt = torch.optim.AdamW(self.parameters(), lr=3e-3)\n        sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=15)\n        return [opt], [{'scheduler': sched, 'interval': 'step'}]",
            ),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (
        LIT,
        (
            (
                "        return torch.optim.AdamW(self.parameters(), lr=self.hparams.lr, weight_decay=1e-2)",
                "        opt = torch.optim.AdamW(self.parameters(), lr=1e-2)\n        total = 15 * len(self.trainer.datamodule.train_dataloader())\n        return [opt], [torch.optim.lr_scheduler.OneCycleLR(opt, 1e-2, total_steps=total)]",
            ),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (
        LIT,
        (
            (
                "    def validation_step(self, batch, batch_idx):\n        x, y = batch\n",
                "    def validation_step(self, batch, batch_idx):\n        self.train()\n        x, y = batch\n",
            ),
        ),
        ("train-mode-in-evaluation",),
    ),
    (
        LIT,
        (
            (
                "    def training_step(self, batch, batch_idx):\n        x, y = batch\n",
                "    def training_step(self, batch, batch_idx):\n        self.eval()\n        x, y = batch\n",
            ),
        ),
        ("eval-mode-in-training",),
    ),
    (
        LIT,
        (
            (
                "        return self.head(z).squeeze(-1)",
                "        z = F.dropout(z, p=0.5)\n        return self.head(z).squeeze(-1)",
            ),
        ),
        ("dropout-active-in-evaluation",),
    ),
    (
        LIT,
        (
            (
                "        scaler = StandardScaler().fit(X_tr)\n        X_tr, X_va, X_te = scaler.transform(X_tr), scaler.transform(X_va), scaler.transform(X_te)\n",
                "        X_tr = StandardScaler().fit_transform(X_tr)\n",
            ),
        ),
        ("train-eval-preprocessing-differ",),
    ),
    (
        LIT,
        (
            (
                "        scaler = StandardScaler().fit(X_tr)\n        X_tr, X_va, X_te = scaler.transform(X_tr), scaler.transform(X_va), scaler.transform(X_te)\n",
                "",
            ),
        ),
        ("input-not-normalised",),
    ),
    (
        LIT,
        (
            (
                "        self.train_set = self.tensors(X_tr, y_tr)",
                "        self.train_set = self.tensors(X_tr, 1 - y_tr)",
            ),
        ),
        ("labels-corrupt",),
    ),
    (LIT, (("        #SPLIT", "        np.random.default_rng(0).shuffle(X_tr)"),), ("labels-out-of-order",)),
    (
        LIT,
        (
            (
                "        X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)\n        X_tr, X_va, y_tr, y_va = train_test_split(X_tr, y_tr, test_size=0.25, stratify=y_tr, random_state=0)\n",
                "        order = np.argsort(y, kind='stable')\n        X, y = X[order], y[order]\n        X_tr, X_va, X_te = X[:210], X[210:400], X[400:]\n        y_tr, y_va, y_te = y[:210], y[210:400], y[400:]\n",
            ),
        ),
        ("single-class", "data-not-shuffled"),
    ),
    (
        LIT,
        (("        #SCALED", "        X_tr, X_va, X_te = np.c_[X_tr, y_tr], np.c_[X_va, y_va], np.c_[X_te, y_te]"),),
        ("input-ignored",),
    ),
    (
        LIT,
        (
            ("lr=3e-3", "lr=30.0"),
            (
                "torch.optim.AdamW(self.parameters(), lr=self.hparams.lr, weight_decay=1e-2)",
                "torch.optim.SGD(self.parameters(), lr=self.hparams.lr, momentum=0.9)",
            ),
        ),
        ("learning-rate-too-high",),
    ),
    (LIT, (("lr=3e-3", "lr=1e-8"),), ("learning-rate-too-low",)),
    (LIT, (("        z = self.encoder(x)\n", "        z = self.encoder(x).detach()\n"),), ("gradient-does-not-flow",)),
    (
        LIT,
        (
            (
                "        self.encoder = nn.Sequential(nn.Linear(n_features, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 16), nn.ReLU())",
                "        self.encoder = nn.Sequential(nn.Linear(n_features, 32), nn.Linear(32, 32), nn.Linear(32, 16))",
            ),
        ),
        ("missing-nonlinearity",),
    ),
    (LIT, (("return self.head(z).squeeze(-1)", "return self.head(z).squeeze(-1).tanh()"),), ("activation-on-logits",)),
    (
        LIT,
        (("        loss = F.binary_cross_entropy_with_logits(logits, y)\n", "        loss = F.mse_loss(logits, y)\n"),),
        ("loss-target-mismatch", "metric-wrong"),
    ),
    (
        LIT,
        (
            (
                "    def forward(self, x):\n        z = self.encoder(x)\n",
                "    def forward(self, x):\n        x = x + 0.5 * torch.randn_like(x)\n        z = self.encoder(x)\n",
            ),
        ),
        ("evaluation-not-deterministic",),
    ),
    # Two tasks in a notebook.
    (
        ENGINES,
        (
            ("        self.log_var = nn.Parameter(torch.zeros(2))\n", ""),
            ("# READY", "log_var = torch.zeros(2, requires_grad=True)"),
            ("        s = net.log_var\n", "        s = log_var\n"),
        ),
        ("parameter-not-in-optimiser", "parameter-not-registered"),
    ),
    (
        ENGINES,
        (("+ torch.exp(-s[1]) * loss_c + s[1] / 2", "+ float(torch.exp(-s[1]) * loss_c + s[1] / 2)"),),
        ("gradient-does-not-flow",),
    ),
    (
        ENGINES,
        (
            ("return self.life(h)[:, 0], self.fault(h)", "return self.life(h), self.fault(h)"),
            ("r_hat.numpy()", "r_hat.numpy()[:, 0]"),
        ),
        ("accidental-broadcast",),
    ),
    (
        ENGINES,
        (
            ("    r_hat, c_hat = net(X_val)\n", "    r_hat, c_hat = net(X_val)\n"),
            (
                "    life_pred = r_hat.numpy() * life_sd + life_mu\n",
                "    life_pred = r_hat.numpy().reshape(-1, 1) * life_sd + life_mu\n",
            ),
        ),
        ("metric-wrong", "accidental-broadcast"),
    ),
    (
        ENGINES,
        (
            (
                "# TENSORS",
                "shuffled = np.random.permutation(900)\nX_train, r_train = X_train[shuffled], r_train[shuffled]",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (ENGINES, (("# TENSORS", "np.random.shuffle(X_train.numpy())"),), ("labels-out-of-order",)),
    (
        ENGINES,
        (
            (
                "        xb, rb, cb = X_train[idx], r_train[idx], c_train[idx]\n",
                "        xb, rb, cb = X_train[idx], r_train[idx], c_train[start : start + batch_size]\n",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        ENGINES,
        (("    life_pred = r_hat.numpy() * life_sd + life_mu\n", "    life_pred = r_hat.numpy()\n"),),
        ("metric-wrong",),
    ),
    (
        ENGINES,
        (
            (
                "    life_pred = r_hat.numpy() * life_sd + life_mu\n",
                "    life_pred = r_hat.numpy() * life_sd + life_mu\n",
            ),
            ("life_true = life[va]", "life_true = life[tr][: len(va)]"),
        ),
        ("metric-wrong", "labels-out-of-order"),
    ),
    (
        ENGINES,
        (
            (
                "    r2 = 1 - ((life_pred - life_true) ** 2).sum() / ((life_true - life_true.mean()) ** 2).sum()\n",
                "    r2 = r2_score(life_pred, life_true)\n",
            ),
        ),
        ("metric-wrong",),
    ),
    (ENGINES, (("((life_true - life_true.mean()) ** 2).sum()", "(life_true ** 2).sum()"),), ("metric-wrong",)),
    (
        ENGINES,
        (("    mae = np.abs(life_pred - life_true).mean()\n", "    mae = np.abs((life_pred - life_true).mean())\n"),),
        ("metric-wrong",),
    ),
    (
        ENGINES,
        (
            (
                "    mae = np.abs(life_pred - life_true).mean()\n",
                "    mae = np.abs(life_pred - life_true).sum() / len(X_train)\n",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        ENGINES,
        (
            (
                "    acc = (c_hat.argmax(1).numpy() == c_val.numpy()).mean()\n",
                "    acc = (c_hat.argmax(1).numpy()[:, None] == c_val.numpy()).mean()\n",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        ENGINES,
        (
            (
                "    acc = (c_hat.argmax(1).numpy() == c_val.numpy()).mean()\n",
                "    acc = (c_hat.argmax(1).numpy() == c_val.numpy()).sum() / batch_size\n",
            ),
        ),
        ("metric-wrong",),
    ),
    (ENGINES, (("mu, sd = X[tr].mean(0), X[tr].std(0)", "mu, sd = X.mean(0), X.std(0)"),), ("preprocessing-leak",)),
    (
        ENGINES,
        (("life_mu, life_sd = life[tr].mean(), life[tr].std()", "life_mu, life_sd = life.mean(), life.std()"),),
        ("preprocessing-leak",),
    ),
    (ENGINES, (("Xs = (X - mu) / sd", "Xs = X"),), ("input-not-normalised",)),
    (
        ENGINES,
        (("X_val = torch.tensor(Xs[tr]), torch.tensor(Xs[va])", "X_val = torch.tensor(Xs[tr]), torch.tensor(X[va])"),),
        ("train-eval-preprocessing-differ",),
    ),
    (
        ENGINES,
        (("tr, va = order[:900], order[900:]", "tr, va = order[:1000], order[800:]"),),
        ("train-validation-overlap",),
    ),
    (
        ENGINES,
        (("tr, va = order[:900], order[900:]", "tr, va = rng.choice(n, 900), rng.choice(n, 300)"),),
        ("train-validation-overlap",),
    ),
    (ENGINES, (("    net.eval()\n", ""),), ("train-mode-in-evaluation",)),
    (ENGINES, (("    net.train()\n", ""),), ("eval-mode-in-training",)),
    (
        ENGINES,
        (("return self.life(h)[:, 0], self.fault(h)", "return torch.relu(self.life(h)[:, 0]), self.fault(h)"),),
        ("output-range-cannot-reach-targets", "activation-on-logits"),
    ),
    (
        ENGINES,
        (("return self.life(h)[:, 0], self.fault(h)", "return self.life(h)[:, 0], torch.softmax(self.fault(h), 1)"),),
        ("loss-expects-logits",),
    ),
    (
        ENGINES,
        (
            (
                "return self.life(h)[:, 0], self.fault(h)",
                "return self.life(h)[:, 0], torch.log_softmax(self.fault(h), 0)",
            ),
            ("loss_c = F.cross_entropy(c_hat, cb)", "loss_c = F.nll_loss(c_hat, cb)"),
        ),
        ("softmax-wrong-dim",),
    ),
    (
        ENGINES,
        (("life_mu, life_sd = life[tr].mean(), life[tr].std()", "life_mu, life_sd = 0.0, 1.0"),),
        ("loss-at-init-off",),
    ),
    (
        ENGINES,
        (
            ("# CLEAN", "X[rng.random(X.shape) < 0.01] = np.nan"),
            ("mu, sd = X[tr].mean(0), X[tr].std(0)", "mu, sd = np.nanmean(X[tr], 0), np.nanstd(X[tr], 0)"),
        ),
        ("input-not-finite",),
    ),
    (ENGINES, (("        optim.zero_grad()\n", ""),), ("gradients-accumulate",)),
    (ENGINES, (("torch.exp(-s[1]) * loss_c", "torch.exp(-s[1]) * -loss_c"),), ("loss-sign-flipped",)),
    (
        ENGINES,
        (
            (
                "        loss_r = F.mse_loss(r_hat, rb)\n",
                "        apart = ((r_hat[:, None] - r_hat[None]) ** 2).sqrt()\n        loss_r = F.mse_loss(r_hat, rb) + 0.1 * F.mse_loss(apart, (rb[:, None] - rb[None]).abs())\n",
            ),
        ),
        ("gradient-not-finite",),
    ),
    (
        ENGINES,
        (
            ("        h = self.drop(torch.relu(self.fc2(h)))\n", "        h = self.drop(self.fc2(h))\n"),
            ("        h = torch.relu(self.fc1(x))\n", "        h = self.fc1(x)\n"),
        ),
        ("missing-nonlinearity",),
    ),
    (ENGINES, (("# CLEAN", "fault = fault + 1"),), ("label-out-of-range",)),
    # By hand.
    (BYHAND, (("                p.grad.zero_()\n", ""),), ("gradients-accumulate",)),
    (
        BYHAND,
        (
            ("torch.randn(D, H) * np.sqrt(2.0 / D)", "torch.randn(D, H) * 8"),
            ("torch.randn(H, C) * np.sqrt(1.0 / H)", "torch.randn(H, C) * 8"),
        ),
        ("bad-initialisation", "loss-at-init-off"),
    ),
    (
        BYHAND,
        (
            ("torch.randn(D, H) * np.sqrt(2.0 / D)", "torch.ones(D, H) * 0.01"),
            ("torch.randn(H, C) * np.sqrt(1.0 / H)", "torch.ones(H, C) * 0.01"),
        ),
        ("bad-initialisation",),
    ),
    (
        BYHAND,
        (
            ("torch.randn(D, H) * np.sqrt(2.0 / D)", "torch.zeros(D, H)"),
            ("torch.randn(H, C) * np.sqrt(1.0 / H)", "torch.zeros(H, C)"),
        ),
        ("bad-initialisation", "gradient-does-not-flow"),
    ),
    (BYHAND, (("p -= lr * p.grad", "p += lr * p.grad"),), ("loss-sign-flipped",)),
    (
        BYHAND,
        (
            ("scores.max(dim=1, keepdim=True).values", "scores.max(dim=0, keepdim=True).values"),
            ("shifted.exp().sum(dim=1, keepdim=True).log()", "shifted.exp().sum(dim=0, keepdim=True).log()"),
        ),
        ("softmax-wrong-dim",),
    ),
    (
        BYHAND,
        (
            (
                "    shifted = scores - scores.max(dim=1, keepdim=True).values\n    return shifted - shifted.exp().sum(dim=1, keepdim=True).log()",
                "    return (scores.exp() / scores.exp().sum(dim=1, keepdim=True)).log()",
            ),
            ("mean, std = X_train.mean(0), X_train.std(0) + 1e-3", "mean, std = 0, 1"),
            (
                "X_test = X_test.clamp(-4, 4)\nX_train = X_train.clamp(-4, 4)\n",
                "X_test, X_train = X_test * 16, X_train * 16\n",
            ),
        ),
        ("loss-not-finite", "input-not-normalised"),
    ),
    (
        BYHAND,
        (
            ("params = [W1, b1, W2, b2]", "params = [W2, b2]"),
            ("for p in params:\n    p.requires_grad_(True)", "for p in (W1, b1, W2, b2):\n    p.requires_grad_(True)"),
        ),
        ("parameter-not-in-optimiser",),
    ),
    (
        BYHAND,
        (
            (
                "        loss = cross_entropy(scores, y_train[rows])\n",
                "        loss = cross_entropy(scores, y_train[torch.randperm(len(X_train))[:batch]])\n",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        BYHAND,
        (
            (
                "        loss = cross_entropy(scores, y_train[rows])\n",
                "        loss = cross_entropy(scores, y_train[start : start + batch])\n",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (BYHAND, (("y = torch.tensor(target[shuffle])", "y = torch.tensor(target)"),), ("labels-out-of-order",)),
    (
        BYHAND,
        (
            (
                "    return (predictions == labels).float().mean().item()",
                "    return (predictions[:, None] == labels).float().mean().item()",
            ),
        ),
        ("metric-wrong", "accidental-broadcast"),
    ),
    (
        BYHAND,
        (
            (
                "        predictions = forward(x).argmax(dim=1)\n",
                "        predictions = log_softmax(forward(x)).exp().max(dim=1).values.round().long()\n",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        BYHAND,
        (
            (
                "    return (predictions == labels).float().mean().item()",
                "    return (predictions == labels).sum().item() / 1200",
            ),
        ),
        ("metric-wrong",),
    ),
    (BYHAND, (("    hidden = (x @ W1 + b1).clamp(min=0)\n", "    hidden = x @ W1 + b1\n"),), ("missing-nonlinearity",)),
    (
        BYHAND,
        (("    return hidden @ W2 + b2\n", "    return (hidden @ W2 + b2).clamp(min=0)\n"),),
        ("activation-on-logits",),
    ),
    (BYHAND, (("lr = 0.1", "lr = 1e-6"),), ("learning-rate-too-low",)),
    (BYHAND, (("lr = 0.1", "lr = 60.0"),), ("learning-rate-too-high",)),
    (BYHAND, (("b1 = torch.zeros(H)", "b1 = torch.full((H,), -50.0)"),), ("dead-units", "bad-initialisation")),
    (
        BYHAND,
        (
            ("(x @ W1 + b1).clamp(min=0)", "torch.sigmoid(x @ W1 + b1)"),
            ("torch.randn(D, H) * np.sqrt(2.0 / D)", "torch.randn(D, H) * 40"),
        ),
        ("saturated-units", "bad-initialisation"),
    ),
    (
        BYHAND,
        (("X_test, y_test = X[1200:], y[1200:]", "X_test, y_test = X[:500], y[:500]"),),
        ("train-validation-overlap",),
    ),
    (
        BYHAND,
        (("mean, std = X_train.mean(0), X_train.std(0) + 1e-3", "mean, std = X.mean(0), X.std(0) + 1e-3"),),
        ("preprocessing-leak",),
    ),
    (BYHAND, (("X_test = (X_test - mean) / std\n", ""),), ("train-eval-preprocessing-differ",)),
    (
        BYHAND,
        (("X_test = (X_test - mean) / std\n", "X_test = (X_test - X_test.mean()) / X_test.std()\n"),),
        ("train-eval-preprocessing-differ",),
    ),
    (
        BYHAND,
        (
            (
                "#LOADED",
                "first = torch.argsort(y[:1200], stable=True)\nX = torch.cat([X[:1200][first], X[1200:]])\ny = torch.cat([y[:1200][first], y[1200:]])",
            ),
            ("perm = torch.randperm(len(X_train))", "perm = torch.arange(len(X_train))"),
        ),
        ("data-not-shuffled",),
    ),
    (
        BYHAND,
        (
            (
                "    return -logp[torch.arange(len(labels)), labels].mean()",
                "    return ((scores.argmax(dim=1) - labels).float() ** 2).mean().requires_grad_(True)",
            ),
            (
                "                p -= lr * p.grad\n                p.grad.zero_()\n",
                "                if p.grad is not None:\n                    p -= lr * p.grad\n                    p.grad.zero_()\n",
            ),
        ),
        ("gradient-does-not-flow", "loss-target-mismatch"),
    ),
    (
        BYHAND,
        (
            ("D, H, C = 64, 50, 10", "D, H, C = 64, 50, 1"),
            (
                "    return -logp[torch.arange(len(labels)), labels].mean()",
                "    return ((scores[:, 0] - labels) ** 2).mean()",
            ),
            (
                "        predictions = forward(x).argmax(dim=1)\n",
                "        predictions = forward(x)[:, 0].round().long()\n",
            ),
            ("lr = 0.1", "lr = 0.01"),
        ),
        ("loss-target-mismatch",),
    ),
    (
        BYHAND,
        (
            ("    return hidden @ W2 + b2\n", "    hidden = hidden.detach()\n    return hidden @ W2 + b2\n"),
            (
                "                p -= lr * p.grad\n                p.grad.zero_()\n",
                "                if p.grad is not None:\n                    p -= lr * p.grad\n                    p.grad.zero_()\n",
            ),
        ),
        ("gradient-does-not-flow",),
    ),
    (
        BYHAND,
        (
            (
                "    return -logp[torch.arange(len(labels)), labels].mean()",
                "    return -logp[torch.arange(len(labels)), labels].sum()",
            ),
            ("lr = 0.1", "lr = 0.1 / 60"),
        ),
        ("loss-sum-reduction",),
    ),
    (
        BYHAND,
        (
            (
                "X = torch.tensor(data[shuffle], dtype=torch.float32)",
                "X = torch.tensor((data[shuffle] / 16).astype(np.uint8), dtype=torch.float32)",
            ),
        ),
        ("input-casting",),
    ),
    (BYHAND, (("#READY", "y_train = y_train.clone()\ny_train[y_train == 9] = 4"),), ("labels-corrupt",)),
    (
        BYHAND,
        (
            (
                "#READY",
                "noisy = torch.rand(1200) < 0.5\ny_train = torch.where(noisy, torch.randint(0, 10, (1200,)), y_train)",
            ),
        ),
        ("labels-corrupt",),
    ),
    (
        BYHAND,
        (
            (
                "params = [W1, b1, W2, b2]",
                "deep = [torch.randn(H, H) for _ in range(6)]\nparams = [W1, b1, W2, b2] + deep",
            ),
            (
                "    return hidden @ W2 + b2\n",
                "    for W in deep:\n        hidden = (hidden @ W).clamp(min=0)\n    return hidden @ W2 + b2\n",
            ),
        ),
        ("bad-initialisation", "gradient-exploding", "loss-at-init-off"),
    ),
    (
        BYHAND,
        (
            (
                "params = [W1, b1, W2, b2]",
                "deep = [torch.randn(H, H) * 0.1 for _ in range(7)]\nparams = [W1, b1, W2, b2] + deep",
            ),
            (
                "    return hidden @ W2 + b2\n",
                "    for W in deep:\n        hidden = torch.sigmoid(hidden @ W)\n    return hidden @ W2 + b2\n",
            ),
        ),
        ("gradient-vanishing", "bad-initialisation"),
    ),
    (
        DIGITS,
        (("        image = self.images[index]\n", "        image = self.images[0]\n"),),
        ("input-degenerate", "input-ignored"),
    ),
    # Tags.
    (
        TAGS,
        (
            (
                "        return self.output(self.dropout(x))",
                "        return torch.sigmoid(self.output(self.dropout(x)))",
            ),
            ("scores.append(torch.sigmoid(model(x)))", "scores.append(model(x))"),
        ),
        ("loss-expects-logits",),
    ),
    (
        TAGS,
        (("nn.BCEWithLogitsLoss(pos_weight=(1 - frequency) / frequency)", "nn.CrossEntropyLoss()"),),
        ("loss-target-mismatch",),
    ),
    (
        TAGS,
        (
            (
                "        return self.output(self.dropout(x))",
                "        return torch.softmax(self.output(self.dropout(x)), dim=1)",
            ),
            ("nn.BCEWithLogitsLoss(pos_weight=(1 - frequency) / frequency)", "nn.BCELoss()"),
            ("scores.append(torch.sigmoid(model(x)))", "scores.append(model(x))"),
        ),
        ("output-range-cannot-reach-targets", "loss-target-mismatch"),
    ),
    (
        TAGS,
        (("        return self.output(self.dropout(x))", "        return torch.relu(self.output(self.dropout(x)))"),),
        ("activation-on-logits",),
    ),
    (TAGS, (("scores.append(torch.sigmoid(model(x)))", "scores.append(model(x))"),), ("metric-wrong",)),
    (
        TAGS,
        (
            (
                '        "exact": (pred == truth).all(axis=1).mean(),\n',
                '        "accuracy": (scores.argmax(1) == truth.argmax(1)).mean(),\n',
            ),
        ),
        ("metric-wrong",),
    ),
    (
        TAGS,
        (
            ("    vectorizer = TfidfVectorizer()\n", "    vectorizer = TfidfVectorizer().fit(texts)\n"),
            ("vectorizer.fit_transform(texts[:n])", "vectorizer.transform(texts[:n])"),
        ),
        ("preprocessing-leak",),
    ),
    (
        TAGS,
        (
            (
                "    X_valid = vectorizer.transform(texts[n:]).toarray().astype(np.float32)\n",
                "    X_valid = TfidfVectorizer(vocabulary=sorted(vectorizer.vocabulary_, reverse=True)).fit_transform(texts[n:]).toarray().astype(np.float32)\n",
            ),
        ),
        ("train-eval-preprocessing-differ",),
    ),
    (TAGS, (("    #BUILT", "    Y_train = Y_train[rng.permutation(n)]"),), ("labels-out-of-order",)),
    (
        TAGS,
        (("    Y_train, Y_valid = Y[:n], Y[n:]\n", "    Y_train, Y_valid = Y[:n], Y[n:][:, ::-1].copy()\n"),),
        ("labels-corrupt", "labels-out-of-order"),
    ),
    (TAGS, (("    #BUILT", "    X_valid, Y_valid = X_train[-250:], Y_train[-250:]"),), ("train-validation-overlap",)),
    (TAGS, (("    model.eval()\n", ""),), ("train-mode-in-evaluation",)),
    (TAGS, (("            optimizer.zero_grad()\n", ""),), ("gradients-accumulate",)),
    (
        TAGS,
        (
            (
                "        self.output = nn.Linear(hidden, tags)\n",
                "        self.output = [nn.Linear(hidden, 1) for _ in range(tags)]\n",
            ),
            (
                "        return self.output(self.dropout(x))",
                "        return torch.cat([head(self.dropout(x)) for head in self.output], dim=1)",
            ),
        ),
        ("parameter-not-registered",),
    ),
    (
        TAGS,
        (
            (
                "            loss = criterion(logits, y)\n",
                "            loss = criterion((logits > 0).float().requires_grad_(True), y)\n",
            ),
        ),
        ("gradient-does-not-flow",),
    ),
    (TAGS, (("default=5e-3", "default=1e-7"),), ("learning-rate-too-low",)),
]

ACCUSED_ONCE = (
    "loss_c.backward(retain_graph=True)",
    "np.median(np.abs(life_pred - life_true))",
)
MISSED_ONCE = (
    "+ float(torch.exp(-s[1]) * loss_c + s[1] / 2)",
    "X_train, r_train = X_train[shuffled], r_train[shuffled]",
    "np.abs((life_pred - life_true).mean())",
    "(life_true ** 2).sum()",
    "p += lr * p.grad",
    "torch.ones(D, H) * 0.01",
    "hidden = hidden.detach()",
    "X_test, y_test = X[:500], y[:500]",
    "mean_squared_error(train.loc[va, CFG.target], pred)",
    "np.log10(train[CFG.target])",
    "df.area.astype('int64').astype('uint8')",
)
