import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn import datasets
from sklearn.model_selection import train_test_split

torch.manual_seed(11)


class IrisClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Linear(4, 20)
        self.layer2 = nn.Linear(20, 20)
        self.layer3 = nn.Linear(20, 3)

    def forward(self, x):
        x = F.relu(self.layer1(x))
        x = F.relu(self.layer2(x))
        return F.log_softmax(self.layer3(x), dim=1)


iris = datasets.load_iris()
xtr, xte, ytr, yte = train_test_split(iris.data, iris.target, test_size=0.33, random_state=11, stratify=iris.target)
mu = xtr.mean(0)
sigma = xtr.std(0)
xtr = torch.FloatTensor((xtr - mu) / sigma)
xte = torch.FloatTensor((xte - mu) / sigma)
ytr = torch.LongTensor(ytr)
yte = torch.LongTensor(yte)

model = IrisClassifier()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

# full batch: one hundred rows
for step in range(80):
    log_probabilities = model(xtr)
    loss = F.nll_loss(log_probabilities, ytr)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 19:
        print("step", step + 1, "loss", round(loss.item(), 4))

model.eval()
with torch.no_grad():
    hits = (model(xte).argmax(dim=1) == yte).sum().item()
print(f"test accuracy: {hits / len(yte):.3f}")
