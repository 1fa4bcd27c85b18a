import torch
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import f1_score
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(42)

dataset = load_breast_cancer()
perm = torch.randperm(len(dataset.target)).numpy()
split = int(0.75 * len(perm))
train_idx, valid_idx = perm[:split], perm[split:]

sc = StandardScaler()
Xtr = torch.tensor(sc.fit_transform(dataset.data[train_idx]), dtype=torch.float32)
Xva = torch.tensor(sc.transform(dataset.data[valid_idx]), dtype=torch.float32)
ytr = torch.tensor(dataset.target[train_idx], dtype=torch.float32).unsqueeze(1)
yva = torch.tensor(dataset.target[valid_idx], dtype=torch.float32).unsqueeze(1)

model = nn.Sequential(
    nn.Linear(30, 32),
    nn.ReLU(),
    nn.Dropout(p=0.3),
    nn.Linear(32, 16),
    nn.ReLU(),
    nn.Linear(16, 1),
)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)

BATCH = 32
for epoch in range(15):
    model.train()
    running, count = 0.0, 0
    shuffled = torch.randperm(len(Xtr))
    for k in range(0, len(Xtr), BATCH):
        rows = shuffled[k : k + BATCH]
        logits = model(Xtr[rows])
        loss = criterion(logits, ytr[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item() * len(rows)
        count += len(rows)
    model.eval()
    with torch.no_grad():
        valid_logits = model(Xva)
        valid_loss = criterion(valid_logits, yva).item()
        predicted = (valid_logits > 0).float()
        accuracy = (predicted == yva).float().mean().item()
    print(f"[{epoch + 1:02d}] train {running / count:.3f} valid {valid_loss:.3f} acc {accuracy:.3f}")

print("F1", round(float(f1_score(yva.numpy().ravel(), predicted.numpy().ravel())), 3))
