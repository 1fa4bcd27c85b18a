"""Each test image is seen in five moved views whose outputs are averaged; the views are fixed, not drawn."""

import torch
from sklearn.datasets import load_digits
from torch import nn

VIEWS = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]


def moved(images, view):
    return images.roll(view, dims=(2, 3))


def main(seed=17):
    torch.manual_seed(seed)
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32)[:, None]
    y = torch.tensor(digits.target)
    order = torch.randperm(len(x))
    train, test = order[:1400], order[1400:]
    x = (x - x[train].mean()) / x[train].std()
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(256, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(5):
        model.train()
        for rows in train[torch.randperm(len(train))].split(70):
            view = VIEWS[int(torch.randint(0, len(VIEWS), ()))]
            loss = nn.functional.cross_entropy(model(moved(x[rows], view)), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        outputs = torch.stack([model(moved(x[test], view)).softmax(dim=1) for view in VIEWS]).mean(dim=0)
    print("accuracy over views", round((outputs.argmax(1) == y[test]).float().mean().item(), 4))


main()
