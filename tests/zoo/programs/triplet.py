import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(31)


class Triplets(Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y
        self.by_class = [torch.nonzero(y == k).flatten() for k in range(10)]

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        label = int(self.y[i])
        other = (label + int(torch.randint(1, 10, (1,)))) % 10
        positive = self.by_class[label][torch.randint(len(self.by_class[label]), (1,))].item()
        negative = self.by_class[other][torch.randint(len(self.by_class[other]), (1,))].item()
        return self.x[i], self.x[positive], self.x[negative]


x, y = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x, y, train_size=800, random_state=31, stratify=y)
mean, std = x_train.mean(), x_train.std()
x_train = torch.tensor((x_train - mean) / std).float()
x_val = torch.tensor((x_val - mean) / std).float()
loader = DataLoader(Triplets(x_train, torch.tensor(y_train)), batch_size=64, shuffle=True)

embed = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
criterion = nn.TripletMarginLoss(margin=1.0)
optimizer = torch.optim.Adam(embed.parameters(), lr=3e-3)
for _epoch in range(5):
    embed.train()
    for anchor, positive, negative in loader:
        loss = criterion(embed(anchor), embed(positive), embed(negative))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

embed.eval()
with torch.no_grad():
    neighbours = KNeighborsClassifier(5).fit(embed(x_train).numpy(), y_train)
    accuracy = neighbours.score(embed(x_val).numpy(), y_val)
print(f"nearest neighbours in the embedding: {accuracy:.3f}")
