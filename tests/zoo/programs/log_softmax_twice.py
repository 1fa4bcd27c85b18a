"""The model ends in log-softmax and the loss takes it again: a log-softmax of a log-softmax is itself."""

import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(8)
x, y = load_wine(return_X_y=True)
x_fit, x_out, y_fit, y_out = train_test_split(x, y, test_size=60, stratify=y, random_state=8)
scaler = StandardScaler().fit(x_fit)
x_fit, x_out = (torch.from_numpy(scaler.transform(a)).float() for a in (x_fit, x_out))
y_fit, y_out = torch.from_numpy(y_fit), torch.from_numpy(y_out)

model = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3), nn.LogSoftmax(dim=1))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
for _epoch in range(25):
    for rows in torch.randperm(len(x_fit)).split(20):
        optimizer.zero_grad()
        criterion(model(x_fit[rows]), y_fit[rows]).backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    print("accuracy", (model(x_out).argmax(1) == y_out).float().mean().item())
