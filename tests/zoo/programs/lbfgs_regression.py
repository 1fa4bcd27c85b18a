import torch

torch.manual_seed(5)

# y = sin(x) with a little noise, fitted by a tanh network and L-BFGS
x = torch.linspace(-3, 3, 300).unsqueeze(1)
y = torch.sin(2 * x) + 0.05 * torch.randn_like(x)
held_out = torch.zeros(300, dtype=torch.bool)
held_out[torch.randperm(300)[:60]] = True

net = torch.nn.Sequential(torch.nn.Linear(1, 20), torch.nn.Tanh(), torch.nn.Linear(20, 1))
optimizer = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter=10)


def closure():
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(net(x[~held_out]), y[~held_out])
    loss.backward()
    return loss


for i in range(12):
    loss = optimizer.step(closure)
    if i % 4 == 3:
        print("iteration", i + 1, "loss", f"{loss.item():.5f}")

with torch.no_grad():
    error = torch.nn.functional.mse_loss(net(x[held_out]), y[held_out]).item()
print("held-out mean squared error", f"{error:.4f}")
