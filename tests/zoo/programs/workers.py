import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Digits(Dataset):
    def __init__(self, part):
        digits = load_digits()
        rows = [i for i in range(len(digits.target)) if (i % 5 == 0) == (part == "val")][:900]
        self.images = digits.images[rows].astype("float32")
        self.labels = digits.target[rows]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        image = torch.from_numpy(self.images[i])[None] / 16.0
        return (image - 0.305) / 0.376, torch.tensor(self.labels[i])


def main():
    torch.manual_seed(0)
    train_loader = DataLoader(Digits("train"), batch_size=100, shuffle=True, num_workers=2, persistent_workers=True)
    val_loader = DataLoader(Digits("val"), batch_size=180)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 4 * 4, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(5):
        model.train()
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
    model.eval()
    correct = 0
    with torch.no_grad():
        for images, labels in val_loader:
            correct += (model(images).argmax(dim=1) == labels).sum().item()
    print(f"accuracy {correct / len(val_loader.dataset):.3f}")


if __name__ == "__main__":
    main()
