import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn, optim

torch.manual_seed(0)
X, y = load_diabetes(return_X_y=True)
X_train, X_valid, y_train, y_valid = train_test_split(X, y, test_size=0.3, random_state=0)
x_scaler = StandardScaler().fit(X_train)
y_scaler = StandardScaler().fit(y_train.reshape(-1, 1))
X_train = torch.tensor(x_scaler.transform(X_train)).float()
X_valid = torch.tensor(x_scaler.transform(X_valid)).float()
y_train = torch.tensor(y_scaler.transform(y_train.reshape(-1, 1))).float()
y_valid = torch.tensor(y_scaler.transform(y_valid.reshape(-1, 1))).float()

model = nn.Sequential(nn.Linear(10, 20), nn.Sigmoid(), nn.Linear(20, 1))
criterion = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=0.05)
scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.3, patience=2)

for _epoch in range(25):
    model.train()
    permutation = torch.randperm(X_train.size(0))
    for i in range(0, X_train.size(0), 32):
        indices = permutation[i : i + 32]
        batch_x, batch_y = X_train[indices], y_train[indices]
        optimizer.zero_grad()
        outputs = model(batch_x)
        loss = criterion(outputs, batch_y)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        valid_loss = criterion(model(X_valid), y_valid).item()
    scheduler.step(valid_loss)
print("learning rate at the end", f"{optimizer.param_groups[0]['lr']:.4g}")
print("validation mse", f"{valid_loss:.3f}")
