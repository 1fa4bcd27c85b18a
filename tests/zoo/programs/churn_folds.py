"""Customers that leave are few. Stratified folds, out-of-fold predictions, area under the curve."""

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from torch import nn

EPOCHS = 14
BATCH = 64


def customers(n=1200, seed=5):
    rng = np.random.default_rng(seed)
    months = rng.exponential(20, n)
    bill = rng.normal(60, 20, n).clip(10)
    calls = rng.poisson(1.2, n)
    contract = rng.integers(0, 3, n)
    score = -2.9 - 0.05 * (months - 20) + 0.03 * (bill - 60) + 0.8 * calls - 0.9 * contract
    leaves = rng.random(n) < 1 / (1 + np.exp(-1.5 * score))
    features = np.column_stack([months, bill, calls, np.eye(3)[contract]])
    return features.astype(np.float32), leaves.astype(np.float32)


def make_model(n_features):
    return nn.Sequential(nn.Linear(n_features, 24), nn.SiLU(), nn.Dropout(0.2), nn.Linear(24, 1))


def fit_fold(X_tr, y_tr, X_va):
    mu, sd = X_tr.mean(axis=0), X_tr.std(axis=0)
    X_tr, X_va = torch.from_numpy((X_tr - mu) / sd), torch.from_numpy((X_va - mu) / sd)
    y_tr = torch.from_numpy(y_tr)
    pos_weight = (len(y_tr) - y_tr.sum()) / y_tr.sum()
    criterion = nn.BCEWithLogitsLoss(pos_weight=pos_weight)
    model = make_model(X_tr.shape[1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-3)
    model.train()
    for _ in range(EPOCHS):
        perm = torch.randperm(len(X_tr))
        for start in range(0, len(perm), BATCH):
            idx = perm[start : start + BATCH]
            logits = model(X_tr[idx])[:, 0]
            loss = criterion(logits, y_tr[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        return torch.sigmoid(model(X_va)[:, 0]).numpy()


def main():
    torch.manual_seed(0)
    X, y = customers()
    oof = np.zeros(len(y))
    folds = StratifiedKFold(n_splits=3, shuffle=True, random_state=0)
    for fold, (tr, va) in enumerate(folds.split(X, y)):
        oof[va] = fit_fold(X[tr], y[tr], X[va])
        print(f"fold {fold}: {roc_auc_score(y[va], oof[va]):.3f}")
    print(f"{int(y.sum())} of {len(y)} leave, AUC out of fold {roc_auc_score(y, oof):.4f}")


if __name__ == "__main__":
    main()
