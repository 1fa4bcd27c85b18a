import torch
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

X, y = make_classification(
    1500, n_features=12, n_informative=6, n_classes=3, weights=[0.8, 0.12, 0.08], class_sep=1.5, random_state=40
)
torch.manual_seed(40)
X_tr, X_va, y_tr, y_va = train_test_split(X, y, stratify=y, test_size=0.3, random_state=40)
mu, sd = X_tr.mean(0), X_tr.std(0)
X_tr, X_va = torch.Tensor((X_tr - mu) / sd), torch.Tensor((X_va - mu) / sd)
y_tr, y_va = torch.from_numpy(y_tr), torch.from_numpy(y_va)

counts = torch.bincount(y_tr)
sampler = WeightedRandomSampler(1.0 / counts[y_tr].double(), num_samples=len(y_tr), replacement=True)
loader = DataLoader(TensorDataset(X_tr, y_tr), batch_size=50, sampler=sampler)

model = nn.Sequential(nn.Linear(12, 40), nn.ReLU(), nn.Dropout(0.1), nn.Linear(40, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for _epoch in range(8):
    model.train()
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(inputs), targets)
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    predictions = model(X_va).argmax(dim=1)
print("balanced accuracy", round(balanced_accuracy_score(y_va, predictions), 3))
