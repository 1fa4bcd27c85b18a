import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

torch.manual_seed(15)
X, y = load_breast_cancer(return_X_y=True)
y = 2 * y - 1  # the hinge wants -1 and +1
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=15)
mean, std = X_train.mean(axis=0), X_train.std(axis=0)
X_train = torch.tensor((X_train - mean) / std, dtype=torch.float32)
X_test = torch.tensor((X_test - mean) / std, dtype=torch.float32)
y_train = torch.tensor(y_train, dtype=torch.float32)
y_test = torch.tensor(y_test, dtype=torch.float32)

svm = torch.nn.Linear(30, 1)
optimizer = torch.optim.SGD(svm.parameters(), lr=0.05)
C = 0.01

for epoch in range(20):
    order = torch.randperm(len(X_train))
    for i in range(0, len(order), 25):
        rows = order[i : i + 25]
        margin = y_train[rows] * svm(X_train[rows]).squeeze(1)
        hinge = torch.clamp(1 - margin, min=0).mean()
        loss = hinge + C * svm.weight.square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 5 == 4:
        print("epoch", epoch + 1, "hinge", round(hinge.item(), 4))

with torch.no_grad():
    predicted = torch.sign(svm(X_test).squeeze(1))
print("accuracy:", round((predicted == y_test).float().mean().item(), 4))
