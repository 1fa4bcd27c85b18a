"""Transfer: a network learns the digits 0 to 5; its body, frozen, then serves to tell 6 to 9 from few examples."""

import io

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(0)
bunch = load_digits()
images = torch.tensor(bunch.images, dtype=torch.float32).unsqueeze(1)
digits = torch.tensor(bunch.target)


class Body(nn.Module):
    """Wants pictures normalised by its own mean and deviation, which are kept with the weights."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 24, 3, padding=1, bias=False),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )

    def forward(self, x):
        return self.net(x)


def fit(model, x, y, epochs, lr):
    """Train what wants a gradient."""
    wanted = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(wanted, lr=lr)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()


# ---- pre-training on 0 to 5, saved with its statistics
low = digits < 6
mean, std = images[low].mean(), images[low].std()
teacher = nn.Sequential(Body(), nn.Linear(96, 6))
teacher.train()
fit(teacher, (images[low] - mean) / std, digits[low], epochs=3, lr=3e-3)
checkpoint = io.BytesIO()
torch.save({"body": teacher[0].state_dict(), "mean": mean, "std": std}, checkpoint)
checkpoint.seek(0)

# ---- the new task
high = (digits >= 6).nonzero().squeeze(1)
high = high[torch.randperm(len(high))]
few, rest = high[:100], high[100:]
saved = torch.load(checkpoint)
body = Body()
body.load_state_dict(saved["body"])
body.requires_grad_(False)
body.eval()
head = nn.Linear(96, 4)
model = nn.Sequential(body, head)
inputs = (images - saved["mean"]) / saved["std"]
fit(model, inputs[few], digits[few] - 6, epochs=25, lr=1e-2)

model.eval()
with torch.no_grad():
    answer = model(inputs[rest]).argmax(1)
print(f"accuracy on 6 to 9: {(answer == digits[rest] - 6).float().mean().item():.3f}")
