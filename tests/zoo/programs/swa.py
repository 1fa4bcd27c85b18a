import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn
from torch.utils.data import DataLoader, TensorDataset

EPOCHS, SWA_START = 8, 4


def make_model():
    return nn.Sequential(nn.Linear(64, 48, bias=False), nn.BatchNorm1d(48), nn.ReLU(), nn.Linear(48, 10))


def accuracy(model, loader):
    model.eval()
    correct, total = 0, 0
    with torch.no_grad():
        for x, y in loader:
            correct += (model(x).argmax(1) == y).sum().item()
            total += len(y)
    return correct / total


def main():
    torch.manual_seed(77)
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x / 16, y, test_size=0.25, random_state=77)
    train_set = TensorDataset(torch.tensor(x_train).float(), torch.tensor(y_train))
    test_set = TensorDataset(torch.tensor(x_test).float(), torch.tensor(y_test))
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=128)
    model = make_model()
    averaged = AveragedModel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=SWA_START)
    swa_scheduler = SWALR(optimizer, swa_lr=0.03, anneal_epochs=1)
    for epoch in range(EPOCHS):
        model.train()
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
        if epoch >= SWA_START:
            averaged.update_parameters(model)
            swa_scheduler.step()
        else:
            scheduler.step()
    update_bn(train_loader, averaged)
    print(f"last {accuracy(model, test_loader):.4f}")
    print(f"averaged {accuracy(averaged, test_loader):.4f}")


if __name__ == "__main__":
    main()
