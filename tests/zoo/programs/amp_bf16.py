import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class ConvNet(nn.Module):
    def __init__(self, channels=12):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Linear(2 * channels * 4, 10)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def run():
    torch.manual_seed(21)
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 8.0 - 1.0
    full = TensorDataset(images, torch.tensor(digits.target))
    train_set, val_set = random_split(full, [1397, 400])
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True, drop_last=True)
    val_loader = DataLoader(val_set, batch_size=200)
    model = ConvNet().to(DEVICE)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(3):
        model.train()
        for x, y in train_loader:
            x, y = x.to(DEVICE), y.to(DEVICE)
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(DEVICE, dtype=torch.bfloat16):
                logits = model(x)
                loss = criterion(logits, y)
            loss.backward()
            optimizer.step()
        model.eval()
        hits = 0
        with torch.no_grad(), torch.autocast(DEVICE, dtype=torch.bfloat16):
            for x, y in val_loader:
                hits += (model(x.to(DEVICE)).argmax(1) == y.to(DEVICE)).sum().item()
        print(f"epoch {epoch} accuracy {hits / len(val_set):.4f}")


run()
