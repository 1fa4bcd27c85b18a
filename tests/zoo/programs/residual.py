import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn


class ResidualBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, x):
        return x + self.down(nn.functional.gelu(self.up(self.norm(x))))


class ResidualNet(nn.Module):
    def __init__(self, inputs, width, depth, classes):
        super().__init__()
        self.stem = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList([ResidualBlock(width) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


torch.manual_seed(44)
data, target = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(data, target, test_size=397, random_state=44)
low, high = x_train.min(), x_train.max()
x_train = torch.tensor(2 * (x_train - low) / (high - low) - 1, dtype=torch.float32)
x_val = torch.tensor(2 * (x_val - low) / (high - low) - 1, dtype=torch.float32)
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)

net = ResidualNet(64, 32, 3, 10)
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
for epoch in range(5):
    net.train()
    for rows in torch.randperm(1400).split(70):
        loss = nn.functional.cross_entropy(net(x_train[rows]), y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        accuracy = (net(x_val).argmax(1) == y_val).float().mean().item()
    print("epoch", epoch, "accuracy", round(accuracy, 4))
