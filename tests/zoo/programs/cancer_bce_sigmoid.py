import torch
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn


def build():
    return nn.Sequential(
        nn.Linear(30, 24),
        nn.LeakyReLU(),
        nn.Linear(24, 12),
        nn.LeakyReLU(),
        nn.Linear(12, 1),
        nn.Sigmoid(),
    )


def batches(x, y, size, generator):
    order = torch.randperm(len(x), generator=generator)
    for rows in order.split(size):
        yield x[rows], y[rows]


def main():
    torch.manual_seed(3)
    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=150, random_state=3, stratify=y)
    scaler = StandardScaler()
    x_train = scaler.fit_transform(x_train)
    x_val = scaler.transform(x_val)
    x_train, x_val = torch.tensor(x_train).float(), torch.tensor(x_val).float()
    y_train = torch.tensor(y_train).float().unsqueeze(1)

    model = build()
    criterion = nn.BCELoss()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(3)
    for epoch in range(8):
        total = 0.0
        for inputs, targets in batches(x_train, y_train, 32, generator):
            probabilities = model(inputs)
            loss = criterion(probabilities, targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(inputs)
        if epoch % 2 == 1:
            print(f"{epoch}\tloss={total / len(x_train):.4f}")

    with torch.inference_mode():
        scores = model(x_val).squeeze(1)
    print("AUC", round(float(roc_auc_score(y_val, scores.numpy())), 4))


main()
