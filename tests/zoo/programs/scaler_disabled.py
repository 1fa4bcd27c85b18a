import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from torch import nn

use_amp = torch.cuda.is_available()
device = torch.device("cuda" if use_amp else "cpu")
torch.manual_seed(13)

features, target = load_wine(return_X_y=True)
a, b, ta, tb = train_test_split(features, target, test_size=0.35, random_state=13, stratify=target)
center, spread = a.mean(0), a.std(0)
train_x = torch.as_tensor((a - center) / spread, dtype=torch.float32, device=device)
test_x = torch.as_tensor((b - center) / spread, dtype=torch.float32, device=device)
train_y, test_y = torch.as_tensor(ta, device=device), torch.as_tensor(tb, device=device)

model = nn.Sequential(nn.Linear(13, 24), nn.GELU(), nn.Linear(24, 3)).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scaler = torch.amp.GradScaler(device.type, enabled=use_amp)

for epoch in range(15):
    for index in torch.randperm(len(train_x), device=device).split(23):
        optimizer.zero_grad()
        with torch.autocast(device.type, enabled=use_amp):
            loss = nn.functional.cross_entropy(model(train_x[index]), train_y[index])
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        norm = nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        scaler.step(optimizer)
        scaler.update()
    if epoch % 5 == 4:
        print("epoch", epoch + 1, "loss", round(loss.item(), 4), "norm", round(norm.item(), 3))

model.eval()
with torch.no_grad():
    accuracy = (model(test_x).argmax(-1) == test_y).float().mean()
print("accuracy", round(accuracy.item(), 3))
