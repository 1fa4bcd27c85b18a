"""Flowers by name, from a file that is sorted by name."""

import csv
import io

import torch
import torch.nn as nn
from sklearn.datasets import load_iris


def csv_file():
    """What would be iris.csv."""
    iris = load_iris()
    lines = ["sepal length,sepal width,petal length,petal width,name"]
    for row, kind in zip(iris.data, iris.target, strict=True):
        lines.append(",".join(f"{value:.1f}" for value in row) + "," + iris.target_names[kind])
    return io.StringIO("\n".join(lines))


torch.manual_seed(14)
rows = list(csv.reader(csv_file()))[1:]
rows = [rows[i] for i in torch.randperm(len(rows))]
train_rows, test_rows = rows[:110], rows[110:]

names = ["setosa", "versicolor", "virginica"]
train_labels = [names.index(row[-1]) for row in train_rows]
test_labels = [names.index(row[-1]) for row in test_rows]
x_train = torch.tensor([[float(value) for value in row[:-1]] for row in train_rows])
x_test = torch.tensor([[float(value) for value in row[:-1]] for row in test_rows])
y_train, y_test = torch.tensor(train_labels), torch.tensor(test_labels)

mean, std = x_train.mean(0), x_train.std(0)
x_train = (x_train - mean) / std
x_test = (x_test - mean) / std

model = nn.Sequential()
model.add_module("dense", nn.Linear(4, 16))
model.add_module("tanh", nn.Tanh())
model.add_module("classes", nn.Linear(16, 3))
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01)

for epoch in range(30):
    shuffled = torch.randperm(len(x_train))
    for i in range(0, len(x_train), 11):
        batch = shuffled[i : i + 11]
        optimizer.zero_grad()
        loss = loss_function(model(x_train[batch]), y_train[batch])
        loss.backward()
        optimizer.step()

with torch.no_grad():
    guess = model(x_test).argmax(dim=1)
for i, name in enumerate(names):
    print(f"{name:12s} {(guess == i).sum().item()} guessed, {(y_test == i).sum().item()} true")
print("accuracy:", round((guess == y_test).float().mean().item(), 3))
