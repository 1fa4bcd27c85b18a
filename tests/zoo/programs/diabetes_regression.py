import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def prepare(seed=0):
    x, y = load_diabetes(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.25, random_state=seed)
    x_mean, x_std = x_train.mean(axis=0), x_train.std(axis=0)
    y_mean, y_std = y_train.mean(), y_train.std()

    def dataset(features, target):
        features = (features - x_mean) / x_std
        target = (target - y_mean) / y_std
        return TensorDataset(torch.tensor(features).float(), torch.tensor(target).float())

    return dataset(x_train, y_train), dataset(x_val, y_val), y_std


class Regressor(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(10, width), nn.ReLU())
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return self.head(self.body(x)).squeeze(-1)


def evaluate(model, loader):
    model.eval()
    squared, count = 0.0, 0
    with torch.no_grad():
        for x, y in loader:
            squared += ((model(x) - y) ** 2).sum().item()
            count += len(y)
    return squared / count


def main():
    torch.manual_seed(0)
    train_set, val_set, scale = prepare()
    train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=32)
    model = Regressor()
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)
    for _ in range(15):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
        scheduler.step()
    mse = evaluate(model, val_loader)
    print(f"validation RMSE {scale * mse**0.5:.1f}")
    print(f"unexplained variance {mse:.3f}")


if __name__ == "__main__":
    main()
