import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
order = torch.randperm(len(images))
x = torch.tensor(images, dtype=torch.float32)[order] / 16
y = torch.tensor(labels)[order]
x_train, y_train, x_val, y_val = x[:1400], y[:1400], x[1400:], y[1400:]
mean = x_train.mean()
std = x_train.std()
x_train = (x_train - mean) / std
x_val = (x_val - mean) / std

model = nn.Sequential(
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(6):
    permutation = torch.randperm(len(x_train))
    for start in range(0, len(x_train), 64):
        rows = permutation[start : start + 64]
        optimizer.zero_grad()
        logits = model(x_train[rows])
        loss = criterion(logits, y_train[rows])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x_val).argmax(1) == y_val).float().mean().item()
    model.train()
    print(f"epoch {epoch}: validation accuracy {accuracy:.3f}")
