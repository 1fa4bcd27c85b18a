import torch
import torch.nn as nn


class MixtureOfExperts(nn.Module):
    def __init__(self, inputs=2, experts=4, hidden=12):
        super().__init__()
        self.gate = nn.Linear(inputs, experts)
        self.experts = nn.ModuleList(
            [nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 1)) for _ in range(experts)]
        )

    def forward(self, x):
        gates = torch.softmax(self.gate(x), dim=1)
        answers = torch.cat([expert(x) for expert in self.experts], dim=1)
        return (gates * answers).sum(dim=1)


def piecewise(n):
    x = torch.randn(n, 2)
    y = torch.where(x[:, 0] > 0, 2 * x[:, 1], -x[:, 1].abs()) + 0.1 * torch.randn(n)
    return x, y


torch.manual_seed(29)
x_train, y_train = piecewise(1000)
x_test, y_test = piecewise(300)
center, scale = y_train.mean(), y_train.std()
model = MixtureOfExperts()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
loss_history = []
for _epoch in range(12):
    for rows in torch.randperm(1000).split(50):
        prediction = model(x_train[rows])
        loss = ((prediction - (y_train[rows] - center) / scale) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_history.append(loss.item())
print("loss, first and last ten steps:", round(sum(loss_history[:10]) / 10, 3), round(sum(loss_history[-10:]) / 10, 3))

model.eval()
with torch.no_grad():
    prediction = model(x_test) * scale + center
r2 = 1 - ((prediction - y_test) ** 2).sum() / ((y_test - y_test.mean()) ** 2).sum()
print("R2", round(r2.item(), 4))
