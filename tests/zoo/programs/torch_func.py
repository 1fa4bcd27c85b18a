import torch
from torch import nn
from torch.func import functional_call, grad_and_value

torch.manual_seed(30)
x = torch.rand(600, 2) * 2 - 1
y = torch.sin(3 * x[:, 0]) * x[:, 1] + 0.02 * torch.randn(600)
x_train, y_train, x_val, y_val = x[:450], y[:450], x[450:], y[450:]

model = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
params = {name: p.detach().clone() for name, p in model.named_parameters()}
velocity = {name: torch.zeros_like(p) for name, p in params.items()}


def loss_fn(params, inputs, targets):
    predictions = functional_call(model, params, (inputs,)).squeeze(-1)
    return ((predictions - targets) ** 2).mean()


step = grad_and_value(loss_fn)
for epoch in range(60):
    for rows in torch.randperm(450).split(45):
        grads, loss = step(params, x_train[rows], y_train[rows])
        for name in params:
            velocity[name] = 0.9 * velocity[name] + grads[name]
            params[name] = params[name] - 0.05 * velocity[name]
    if epoch % 20 == 19:
        print(f"epoch {epoch + 1} loss {loss.item():.4f}")

with torch.no_grad():
    error = loss_fn(params, x_val, y_val).item()
print(f"validation mse / variance {error / y_val.var().item():.4f}")
