# Predict the cultivar of a wine from its chemistry
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(7)

X, y = load_wine(return_X_y=True)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.3, stratify=y, random_state=7)
scaler = StandardScaler().fit(X_tr)
X_tr, X_te = scaler.transform(X_tr), scaler.transform(X_te)

train_ds = TensorDataset(torch.tensor(X_tr).float(), torch.tensor(y_tr).long())
test_ds = TensorDataset(torch.tensor(X_te).float(), torch.tensor(y_te).long())
train_dl = DataLoader(train_ds, batch_size=31, shuffle=True, drop_last=True)
test_dl = DataLoader(test_ds, batch_size=32)


class WineNet(nn.Module):
    def __init__(self, n_features=13, n_classes=3):
        super().__init__()
        self.hidden = nn.Linear(n_features, 24, bias=False)
        self.norm = nn.BatchNorm1d(24)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(24, n_classes)

    def forward(self, x):
        x = torch.relu(self.norm(self.hidden(x)))
        x = self.drop(x)
        return self.out(x)


net = WineNet()
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)

for epoch in range(25):
    net.train()
    total = 0.0
    for xb, yb in train_dl:
        opt.zero_grad()
        loss = loss_fn(net(xb), yb)
        loss.backward()
        opt.step()
        total += loss.item()
    if epoch % 5 == 4:
        print("epoch", epoch + 1, "loss", round(total / len(train_dl), 3))

net.eval()
correct = 0
with torch.no_grad():
    for xb, yb in test_dl:
        correct += (net(xb).argmax(dim=1) == yb).sum().item()
print("test accuracy", round(correct / len(test_ds), 3))
