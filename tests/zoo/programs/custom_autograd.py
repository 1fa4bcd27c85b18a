import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from torch import nn


class SignSTE(torch.autograd.Function):
    """The sign, with the gradient of a clipped identity (straight-through; Bengio et al., 2013)."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * (x.abs() <= 1).float()


class BinaryNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Linear(13, 32)
        self.decode = nn.Linear(32, 3)

    def forward(self, x):
        return self.decode(SignSTE.apply(self.encode(x)))


def standardise(train, other):
    mean, std = train.mean(0), train.std(0)
    return [torch.tensor((part - mean) / std, dtype=torch.float32) for part in (train, other)]


def main():
    torch.manual_seed(28)
    x, y = load_wine(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.35, stratify=y, random_state=28)
    x_train, x_val = standardise(x_train, x_val)
    y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)
    model = BinaryNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _epoch in range(30):
        for rows in torch.randperm(len(x_train)).split(20):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x_train[rows]), y_train[rows]).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("accuracy", round((model(x_val).argmax(1) == y_val).float().mean().item(), 3))


if __name__ == "__main__":
    main()
