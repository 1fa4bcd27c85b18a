import torch
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Tagger(nn.Module):
    def __init__(self, n_features, n_tags, width=48):
        super().__init__()
        self.linear1 = nn.Linear(n_features, width)
        self.linear2 = nn.Linear(width, n_tags)
        self.dropout = nn.Dropout(p=0.1)

    def forward(self, x):
        x = torch.relu(self.linear1(x))
        x = self.dropout(x)
        return self.linear2(x)


X, Y = make_multilabel_classification(1200, n_features=20, n_classes=5, n_labels=2, length=60, random_state=5)
X_train, X_val, Y_train, Y_val = train_test_split(X, Y, test_size=0.25, random_state=5)
mean, std = X_train.mean(0), X_train.std(0)
X_train, X_val = (torch.tensor((a - mean) / std, dtype=torch.float32) for a in (X_train, X_val))
Y_train, Y_val = (torch.tensor(a, dtype=torch.float32) for a in (Y_train, Y_val))

torch.manual_seed(5)
model = Tagger(20, 5)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.BCEWithLogitsLoss()
train_loader = DataLoader(TensorDataset(X_train, Y_train), batch_size=50, shuffle=True)
for epoch in range(6):
    model.train()
    for features, tags in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(features), tags)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        predicted = (torch.sigmoid(model(X_val)) > 0.5).int()
    print(f"epoch {epoch}: micro F1 {f1_score(Y_val, predicted, average='micro'):.3f}")
