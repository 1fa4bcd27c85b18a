import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn, optim


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 40)
        self.fc21 = nn.Linear(40, 6)
        self.fc22 = nn.Linear(40, 6)
        self.fc3 = nn.Linear(6, 40)
        self.fc4 = nn.Linear(40, 64)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        if not self.training:
            return mu
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def decode(self, z):
        return self.fc4(F.relu(self.fc3(z)))

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon, x, mu, logvar):
    """The negative evidence lower bound, summed over pixels, averaged over images."""
    bce = F.binary_cross_entropy_with_logits(recon, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (bce + kld) / len(x)


torch.manual_seed(1)
data = torch.tensor(load_digits().data / 16.0, dtype=torch.float32)
data = data[torch.randperm(len(data))]
train_data, test_data = data[:1500], data[1500:]
model = VAE()
optimizer = optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(1, 9):
    model.train()
    train_loss = 0.0
    for batch in train_data[torch.randperm(len(train_data))].split(100):
        optimizer.zero_grad()
        recon, mu, logvar = model(batch)
        loss = loss_function(recon, batch, mu, logvar)
        loss.backward()
        train_loss += loss.item() * len(batch)
        optimizer.step()
    model.eval()
    with torch.no_grad():
        recon, mu, logvar = model(test_data)
        test_loss = loss_function(recon, test_data, mu, logvar).item()
    print(f"epoch {epoch}: train {train_loss / len(train_data):.2f} test {test_loss:.2f}")
