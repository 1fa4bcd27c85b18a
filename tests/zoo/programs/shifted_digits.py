"""Digits with small shifts and a changing contrast, drawn by the data set in a worker process."""

import random

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from torch import nn
from torch.utils.data import DataLoader, Dataset


class DigitImages(Dataset):
    def __init__(self, images, labels, augment=False):
        self.images, self.labels, self.augment = images, labels, augment

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = self.images[index]
        if self.augment:
            image = self.jitter(image)
        image = (torch.tensor(image, dtype=torch.float32) - 4.9) / 6.0
        return {"image": image.unsqueeze(0), "label": torch.tensor(self.labels[index])}

    @staticmethod
    def jitter(image):
        image = np.pad(image, 1)
        row, column = random.randint(0, 2), random.randint(0, 2)
        return image[row : row + 8, column : column + 8] * random.uniform(0.8, 1.2)


def seed_worker(worker_id):
    random.seed(torch.initial_seed() % 2**32)


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.block2 = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Linear(32 * 2 * 2, 10)

    def forward(self, batch):
        features = self.block2(self.block1(batch))
        return self.classifier(features.view(features.size(0), -1))


def run():
    torch.manual_seed(9)
    digits = load_digits()
    order = np.random.RandomState(9).permutation(len(digits.target))
    train_idx, val_idx = order[:900], order[900:1300]
    train_set = DigitImages(digits.images[train_idx], digits.target[train_idx], augment=True)
    val_set = DigitImages(digits.images[val_idx], digits.target[val_idx])
    train_loader = DataLoader(train_set, batch_size=32, shuffle=True, num_workers=1, worker_init_fn=seed_worker)
    val_loader = DataLoader(val_set, batch_size=128)

    model = ConvNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(4):
        model.train()
        losses = []
        for batch in train_loader:
            logits = model(batch["image"])
            loss = criterion(logits, batch["label"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

        model.eval()
        truth, guess = [], []
        with torch.no_grad():
            for batch in val_loader:
                truth.extend(batch["label"].tolist())
                guess.extend(model(batch["image"]).argmax(-1).tolist())
        print(f"{epoch}: loss {np.mean(losses):.3f} accuracy {accuracy_score(truth, guess):.4f}")


if __name__ == "__main__":
    run()
