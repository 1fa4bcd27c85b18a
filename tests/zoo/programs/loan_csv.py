"""Tabular baseline for the loan table. 4 folds, mean of the folds' AUC and AUC of all out-of-fold predictions."""

import csv
import io

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

SEED = 2024
N_FOLDS = 4
EPOCHS = 10
BATCH_SIZE = 64
NUMERIC = ["income", "amount", "age", "late"]
PURPOSES = ["car", "house", "study", "other"]


def write_table(n=1400):
    """What would be train.csv: incomes have gaps, purposes are words."""
    rng = np.random.default_rng(SEED)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*NUMERIC, "purpose", "default"])
    for _ in range(n):
        income, amount = rng.lognormal(10.2, 0.5), rng.lognormal(9.0, 0.6)
        age, late, purpose = rng.integers(20, 70), rng.poisson(0.7), rng.integers(4)
        score = 0.2 + 1.5 * np.log(amount / income + 0.05) + 1.2 * late - 0.03 * (age - 45)
        score += [0, -0.8, 0.6, 0.3][purpose]
        default = rng.random() < 1 / (1 + np.exp(-1.6 * score))
        income = "" if rng.random() < 0.06 else f"{income:.0f}"
        writer.writerow([income, f"{amount:.0f}", age, late, PURPOSES[purpose], int(default)])
    return out.getvalue()


def read_table(text):
    rows = list(csv.DictReader(io.StringIO(text)))
    numeric = np.array([[float(row[c]) if row[c] else np.nan for c in NUMERIC] for row in rows])
    numeric[:, :2] = np.log(numeric[:, :2])
    purpose = np.array([[row["purpose"] == p for p in PURPOSES] for row in rows], dtype=np.float64)
    target = np.array([int(row["default"]) for row in rows])
    return numeric, purpose, target


def preprocess(numeric, fit_on):
    median = np.nanmedian(fit_on, axis=0)
    filled = np.where(np.isnan(fit_on), median, fit_on)
    mean, std = filled.mean(axis=0), filled.std(axis=0)
    gaps = np.isnan(numeric[:, :1]).astype(np.float64)
    return np.hstack([(np.where(np.isnan(numeric), median, numeric) - mean) / std, gaps])


class Net(nn.Module):
    def __init__(self, n_inputs):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_inputs, 32),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(32, 16),
            nn.ReLU(),
            nn.Linear(16, 1),
        )

    def forward(self, x):
        return self.layers(x).squeeze(1)


def predict(model, x):
    model.eval()
    with torch.no_grad():
        return torch.sigmoid(model(x)).numpy()


numeric, purpose, target = read_table(write_table())
oof = np.zeros(len(target))
scores = []
folds = StratifiedKFold(n_splits=N_FOLDS, shuffle=True, random_state=SEED)
for fold, (trn_idx, val_idx) in enumerate(folds.split(numeric, target)):
    torch.manual_seed(SEED + fold)
    X = np.hstack([preprocess(numeric, fit_on=numeric[trn_idx]), purpose])
    X_trn, X_val = (torch.tensor(X[idx], dtype=torch.float32) for idx in (trn_idx, val_idx))
    y_trn = torch.tensor(target[trn_idx], dtype=torch.float32)
    model = Net(X.shape[1])
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-5)
    for epoch in range(EPOCHS):
        model.train()
        perm = torch.randperm(len(X_trn))
        for i in range(0, len(perm), BATCH_SIZE):
            batch = perm[i : i + BATCH_SIZE]
            optimizer.zero_grad()
            loss = criterion(model(X_trn[batch]), y_trn[batch])
            loss.backward()
            optimizer.step()
    oof[val_idx] = predict(model, X_val)
    scores.append(roc_auc_score(target[val_idx], oof[val_idx]))
    print(f"fold {fold}: auc {scores[-1]:.4f}")
print(f"mean of folds {np.mean(scores):.4f}, out of fold {roc_auc_score(target, oof):.4f}")
