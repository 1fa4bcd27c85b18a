"""Ten small nets at once by stack_module_state and vmap; the spread of their answers says how sure they are."""

import copy

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

MEMBERS = 10


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, x):
        return self.layers(x)


torch.manual_seed(88)
x = torch.cat([torch.rand(120, 1) - 1.5, torch.rand(120, 1) + 0.5])
y = torch.sin(3 * x) + 0.1 * torch.randn_like(x)
x_test = torch.cat([torch.linspace(-1.5, -0.5, 50), torch.linspace(0.5, 1.5, 50)]).unsqueeze(1)
y_test = torch.sin(3 * x_test)

models = [Net() for _ in range(MEMBERS)]
params, buffers = stack_module_state(models)
base = copy.deepcopy(models[0]).to("meta")


def member(params, buffers, x):
    return functional_call(base, (params, buffers), (x,))


optimizer = torch.optim.Adam(params.values(), lr=1e-2)
for step in range(250):
    picks = torch.randint(0, len(x), (MEMBERS, 48))  # each member has its own batch
    estimates = vmap(member)(params, buffers, x[picks])
    loss = (estimates - y[picks]).pow(2).mean(dim=(1, 2)).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

with torch.no_grad():
    inside = vmap(member, in_dims=(0, 0, None))(params, buffers, x_test)
    outside = vmap(member, in_dims=(0, 0, None))(params, buffers, torch.tensor([[0.0], [3.0]]))
print(f"spread inside {inside.std(0).mean().item():.3f}, outside {outside.std(0).mean().item():.3f}")
error = (inside.mean(0) - y_test).pow(2).mean() / y_test.var()
print(f"unexplained {error.item():.4f}")
