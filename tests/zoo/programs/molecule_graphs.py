"""Message passing over dense adjacency: the energy of made-up molecules of different sizes, padded and masked."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

ELEMENTS = 4
CHARGE = torch.tensor([-1.0, -0.3, 0.4, 1.0])
BASE = torch.tensor([2.0, 0.5, -0.5, 1.0])


class Molecules(Dataset):
    """Atoms in a chain with a few bonds more. Energy: something for each atom, and products of charges along bonds."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.items = [self.build(g) for _ in range(n)]

    def build(self, g):
        size = int(torch.randint(6, 12, (), generator=g))
        atoms = torch.randint(ELEMENTS, (size,), generator=g)
        bonds = torch.diag(torch.ones(size - 1), 1)
        bonds = torch.maximum(bonds, (torch.rand(size, size, generator=g) < 0.1).float().triu(diagonal=1))
        bonds = bonds + bonds.T
        charge = CHARGE[atoms]
        energy = BASE[atoms].sum() + 3.0 * 0.5 * (bonds * charge[:, None] * charge[None, :]).sum()
        return atoms, bonds, energy

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def pad(batch):
    """Atoms [B, N] as -1 where there is none, bonds [B, N, N], energies [B]."""
    atoms, bonds, energies = zip(*batch, strict=True)
    longest = max(len(a) for a in atoms)
    padded_atoms = torch.full((len(batch), longest), -1)
    padded_bonds = torch.zeros(len(batch), longest, longest)
    for i, (a, b) in enumerate(zip(atoms, bonds, strict=True)):
        padded_atoms[i, : len(a)] = a
        padded_bonds[i, : len(a), : len(a)] = b
    return padded_atoms, padded_bonds, torch.stack(energies)


class MessagePassing(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.message = nn.Linear(width, width)
        self.update = nn.GRUCell(width, width)

    def forward(self, h, bonds):
        m = bonds @ F.relu(self.message(h))
        return self.update(m.flatten(0, 1), h.flatten(0, 1)).view_as(h)


class EnergyNet(nn.Module):
    def __init__(self, width=32, rounds=2):
        super().__init__()
        self.embed = nn.Embedding(ELEMENTS + 1, width, padding_idx=0)
        self.rounds = nn.ModuleList(MessagePassing(width) for _ in range(rounds))
        self.readout = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, atoms, bonds):
        there = (atoms >= 0).float()
        h = self.embed(atoms + 1)
        for layer in self.rounds:
            h = layer(h, bonds)
        each = self.readout(h).squeeze(-1)
        return (each * there).sum(dim=1)


def r_squared(model, loader, mean, std):
    model.eval()
    guesses, truths = [], []
    with torch.no_grad():
        for atoms, bonds, energies in loader:
            guesses.append(model(atoms, bonds) * std + mean)
            truths.append(energies)
    guess, truth = torch.cat(guesses), torch.cat(truths)
    return 1 - ((guess - truth) ** 2).mean().item() / truth.var(correction=0).item()


torch.manual_seed(28)
train_set, test_set = Molecules(500, seed=1), Molecules(150, seed=2)
energies = torch.stack([energy for _, _, energy in train_set.items])
mean, std = energies.mean(), energies.std()
train_loader = DataLoader(train_set, batch_size=25, shuffle=True, collate_fn=pad)
test_loader = DataLoader(test_set, batch_size=64, collate_fn=pad)
model = EnergyNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(8):
    model.train()
    for atoms, bonds, target in train_loader:
        optimizer.zero_grad()
        loss = F.mse_loss(model(atoms, bonds), (target - mean) / std)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=2.0)
        optimizer.step()
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1:2d}: last loss {loss.item():.3f}")
print(f"share of the variance explained on new molecules: {r_squared(model, test_loader, mean, std):.3f}")
