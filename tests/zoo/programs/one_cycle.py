import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def train(model, loader, epochs, max_lr):
    optimizer = torch.optim.SGD(model.parameters(), lr=max_lr / 25, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=max_lr, epochs=epochs, steps_per_epoch=len(loader))
    criterion = nn.CrossEntropyLoss()
    for epoch in range(epochs):
        running_loss, seen = 0.0, 0
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            schedule.step()
            running_loss += loss.item() * len(y)
            seen += len(y)
        print(f"{epoch:02d} loss={running_loss / seen:.4f} lr={schedule.get_last_lr()[0]:.5f}")


def evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(12)
    features, labels = load_digits(return_X_y=True)
    xa, xb, ya, yb = train_test_split(features, labels, test_size=0.25, random_state=12)
    xa, xb = torch.tensor(xa / 16 - 0.5).float(), torch.tensor(xb / 16 - 0.5).float()
    ya, yb = torch.tensor(ya), torch.tensor(yb)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    train(net, DataLoader(TensorDataset(xa, ya), batch_size=48, shuffle=True), epochs=6, max_lr=0.2)
    print(f"accuracy={evaluate(net, xb, yb):.4f}")
