"""One in twenty is positive; the loss weighs it up, and the metric is the F1 score."""

import torch
from sklearn.datasets import make_classification
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from torch import nn


def load(seed):
    x, y = make_classification(1500, n_features=10, n_informative=5, weights=[0.95], class_sep=2.0, random_state=seed)
    x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.4, stratify=y, random_state=seed)
    mean, std = x_train.mean(0), x_train.std(0)
    as_tensor = lambda a: torch.tensor((a - mean) / std, dtype=torch.float32)  # noqa: E731
    return as_tensor(x_train), torch.tensor(y_train).float(), as_tensor(x_val), y_val


def main(seed=3):
    torch.manual_seed(seed)
    x, y, x_val, y_val = load(seed)
    model = nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, 1), nn.Flatten(0))
    ratio = (y == 0).sum() / (y == 1).sum()
    criterion = nn.BCEWithLogitsLoss(pos_weight=ratio.sqrt())
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(15):
        model.train()
        for rows in torch.randperm(len(x)).split(60):
            loss = criterion(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        predicted = (model(x_val) > 0).long()
    print(f"positives {int(y_val.sum())} of {len(y_val)}, F1 {f1_score(y_val, predicted.numpy()):.3f}")


if __name__ == "__main__":
    main()
