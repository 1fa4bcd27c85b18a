"""Six plain programs that learn to represent or to make things: right ways to write them, and wrong ones.

Written before the doctor saw one of them; as in plain.py.
"""

from zoo.plain import Patch

GAN = """# a conditional GAN on the 8x8 digits, after the DCGAN tutorial
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(999)
nz, ngf, ndf, n_classes = 16, 96, 96, 10
batch_size, num_epochs, lr = 64, 16, 1e-3

digits = load_digits()
images = torch.tensor(digits.data, dtype=torch.float32) / 8.0 - 1.0
labels = torch.tensor(digits.target)
judge = LogisticRegression(max_iter=300).fit(images.numpy(), labels.numpy())
#DATA
dataloader = DataLoader(TensorDataset(images, labels), batch_size=batch_size, shuffle=True, drop_last=True)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(n_classes, n_classes)
        self.main = nn.Sequential(
            nn.Linear(nz + n_classes, ngf, bias=False),
            nn.BatchNorm1d(ngf),
            nn.ReLU(True),
            nn.Linear(ngf, ngf, bias=False),
            nn.BatchNorm1d(ngf),
            nn.ReLU(True),
            nn.Linear(ngf, 64),
            nn.Tanh(),
        )

    def forward(self, z, y):
        return self.main(torch.cat([z, self.embed(y)], 1))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(n_classes, n_classes)
        self.main = nn.Sequential(
            nn.Linear(64 + n_classes, ndf),
            nn.LeakyReLU(0.2),
            nn.Linear(ndf, ndf),
            nn.LeakyReLU(0.2),
            nn.Linear(ndf, 1),
        )

    def forward(self, x, y):
        return self.main(torch.cat([x, self.embed(y)], 1))


netG = Generator()
netD = Discriminator()
criterion = nn.BCEWithLogitsLoss()
real_label, fake_label = 1.0, 0.0
optimizerD = optim.Adam(netD.parameters(), lr=lr, betas=(0.5, 0.999))
optimizerG = optim.Adam(netG.parameters(), lr=lr, betas=(0.5, 0.999))

print("Starting Training Loop...")
for epoch in range(num_epochs):
    netG.train()
    for i, (real, y) in enumerate(dataloader):
        # (1) Update D network: maximize log(D(x)) + log(1 - D(G(z)))
        netD.zero_grad()
        b_size = real.size(0)
        label = torch.full((b_size,), real_label)
        output = netD(real, y).view(-1)
        errD_real = criterion(output, label)
        errD_real.backward()
        noise = torch.randn(b_size, nz)
        fake = netG(noise, y)
        label.fill_(fake_label)
        output = netD(fake.detach(), y).view(-1)
        errD_fake = criterion(output, label)
        errD_fake.backward()
        errD = errD_real + errD_fake
        optimizerD.step()
        # (2) Update G network: maximize log(D(G(z)))
        netG.zero_grad()
        label.fill_(real_label)
        output = netD(fake, y).view(-1)
        errG = criterion(output, label)
        errG.backward()
        optimizerG.step()
    netG.eval()
    with torch.no_grad():
        asked = torch.arange(n_classes).repeat(20)
        samples = netG(torch.randn(200, nz), asked)
    acc = (judge.predict(samples.numpy()) == asked.numpy()).mean()
    print(f"[{epoch}/{num_epochs}] Loss_D {errD.item():.4f} Loss_G {errG.item():.4f} judged right {acc:.3f}")
"""

VAE = """# after pytorch/examples/vae
import argparse

import numpy as np
import torch
import torch.utils.data
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.nn import functional as F

parser = argparse.ArgumentParser(description="VAE digits example")
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--epochs", type=int, default=25)
parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args()
torch.manual_seed(args.seed)


class Digits(torch.utils.data.Dataset):
    def __init__(self, train=True):
        d = load_digits()
        images = d.images / 16.0
        keep = np.arange(len(images)) % 5 != 0
        if not train:
            keep = ~keep
        self.images = torch.tensor(images[keep], dtype=torch.float32).unsqueeze(1)
        self.targets = torch.tensor(d.target[keep])

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index], self.targets[index]


train_loader = torch.utils.data.DataLoader(Digits(train=True), batch_size=args.batch_size, shuffle=True)
test_loader = torch.utils.data.DataLoader(Digits(train=False), batch_size=args.batch_size, shuffle=False)


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(64, 128)
        self.fc21 = nn.Linear(128, 8)
        self.fc22 = nn.Linear(128, 8)
        self.fc3 = nn.Linear(8, 128)
        self.fc4 = nn.Linear(128, 64)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 64))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


model = VAE()
optimizer = optim.Adam(model.parameters(), lr=1e-3)


# Reconstruction + KL divergence losses summed over all elements and batch
def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 64), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


def train(epoch):
    model.train()
    train_loss = 0
    for batch_idx, (data, _) in enumerate(train_loader):
        optimizer.zero_grad()
        recon_batch, mu, logvar = model(data)
        loss = loss_function(recon_batch, data, mu, logvar)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
    print("====> Epoch: {} Average loss: {:.4f}".format(epoch, train_loss / len(train_loader.dataset)))


def test(epoch):
    model.eval()
    test_loss = 0
    with torch.no_grad():
        for i, (data, _) in enumerate(test_loader):
            recon_batch, mu, logvar = model(data)
            test_loss += loss_function(recon_batch, data, mu, logvar).item()
    test_loss /= len(test_loader.dataset)
    print("====> Test set loss: {:.4f}".format(test_loss))


if __name__ == "__main__":
    for epoch in range(1, args.epochs + 1):
        train(epoch)
        test(epoch)
        with torch.no_grad():
            sample = model.decode(torch.randn(16, 8))
"""

VIEWS = '''"""SimCLR on small digits, judged by a linear probe and by nearest neighbours."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from torch.utils.data import DataLoader, Dataset

SEED = 3
torch.manual_seed(SEED)


def augment(img):
    dy, dx = torch.randint(-1, 2, (2,)).tolist()
    img = torch.roll(img, (dy, dx), dims=(-2, -1))
    img = img * (0.7 + 0.6 * torch.rand(1))
    return img + 0.1 * torch.randn_like(img)


class TwoViews(Dataset):
    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        x = self.images[i]
        return augment(x), augment(x), self.labels[i]


class Encoder(nn.Module):
    def __init__(self, dim=64):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
        )
        self.fc = nn.Linear(32 * 4 * 4, dim)

    def forward(self, x):
        return self.fc(self.conv(x).flatten(1))


def nt_xent(z1, z2, temperature=0.3):
    n = z1.shape[0]
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    sim = z @ z.t() / temperature
    sim = sim.masked_fill(torch.eye(2 * n, dtype=torch.bool), float("-inf"))
    targets = torch.cat([torch.arange(n, 2 * n), torch.arange(n)])
    return F.cross_entropy(sim, targets)


def pretrain(encoder, projector, loader, epochs):
    params = list(encoder.parameters()) + list(projector.parameters())
    optimizer = torch.optim.Adam(params, lr=2e-3)
    for epoch in range(epochs):
        encoder.train()
        running = 0.0
        for v1, v2, _ in loader:
            z1, z2 = projector(encoder(v1)), projector(encoder(v2))
            loss = nt_xent(z1, z2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running += loss.item()
        print(f"epoch {epoch}: contrastive loss {running / len(loader):.3f}")


@torch.no_grad()
def embed(encoder, images):
    encoder.eval()
    return torch.cat([encoder(chunk) for chunk in images.split(256)])


def linear_probe(feats, labels, test_feats, test_labels):
    mean, std = feats.mean(0), feats.std(0) + 1e-6
    feats, test_feats = (feats - mean) / std, (test_feats - mean) / std
    probe = nn.Linear(feats.shape[1], 10)
    optimizer = torch.optim.SGD(probe.parameters(), lr=0.1, momentum=0.9)
    for step in range(100):
        idx = torch.randint(0, len(feats), (128,))
        loss = F.cross_entropy(probe(feats[idx]), labels[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        pred = probe(test_feats).argmax(1)
    return (pred == test_labels).float().mean().item()


def main():
    digits = load_digits()
    X = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    y = torch.tensor(digits.target)
    tr, te = train_test_split(torch.arange(len(X)), test_size=0.3, random_state=SEED, stratify=y)
    X = (X - X[tr].mean()) / X[tr].std()
    Xtr, ytr, Xte, yte = X[tr], y[tr], X[te], y[te]
    loader = DataLoader(TwoViews(Xtr, ytr), batch_size=128, shuffle=True, drop_last=True)
    encoder = Encoder()
    projector = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
    pretrain(encoder, projector, loader, epochs=6)
    f_tr, f_te = embed(encoder, Xtr), embed(encoder, Xte)
    knn = KNeighborsClassifier(5).fit(f_tr.numpy(), ytr.numpy())
    print("knn accuracy", knn.score(f_te.numpy(), yte.numpy()))
    print("linear probe accuracy", linear_probe(f_tr, ytr, f_te, yte))


main()
'''

TUNING = """import copy
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Config:
    seed: int = 7
    batch_size: int = 32
    lr_pretrain: float = 2e-3
    lr_head: float = 1e-2
    lr_finetune: float = 1e-3
    epochs_pretrain: int = 6
    epochs_head: int = 4
    epochs_finetune: int = 6


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        return self.dropout(x.flatten(1))


class Classifier(nn.Module):
    def __init__(self, backbone, num_classes):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(128, num_classes)

    def forward(self, x):
        return self.head(self.backbone(x))


def accuracy(logits, targets):
    return (logits.argmax(dim=1) == targets).sum().item()


class Trainer:
    def __init__(self, model, optimizer, scheduler=None):
        self.model = model
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.criterion = nn.CrossEntropyLoss()
        self.best_acc, self.best_state = -1.0, None
        self.history = []

    def train_one_epoch(self, loader):
        self.model.train()
        total = 0.0
        for x, y in loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            total += loss.item() * x.size(0)
        return total / len(loader.dataset)

    @torch.no_grad()
    def evaluate(self, loader):
        self.model.eval()
        loss, correct, n = 0.0, 0, 0
        for x, y in loader:
            logits = self.model(x)
            loss += self.criterion(logits, y).item() * y.size(0)
            correct += accuracy(logits, y)
            n += y.size(0)
        return loss / n, correct / n

    def fit(self, train_loader, val_loader, epochs):
        for epoch in range(epochs):
            train_loss = self.train_one_epoch(train_loader)
            val_loss, val_acc = self.evaluate(val_loader)
            if self.scheduler is not None:
                self.scheduler.step()
            if val_acc > self.best_acc:
                self.best_acc = val_acc
                self.best_state = copy.deepcopy(self.model.state_dict())
            self.history.append({"train_loss": train_loss, "val_loss": val_loss, "val_acc": val_acc})
            print(f"Epoch {epoch + 1}/{epochs} - train_loss: {train_loss:.4f} - val_loss: {val_loss:.4f} - val_acc: {val_acc:.4f}")
        self.model.load_state_dict(self.best_state)


def make_loaders(X, y, cfg):
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=cfg.seed, stratify=y)
    X_train, X_val, y_train, y_val = train_test_split(X_train, y_train, test_size=0.2, random_state=cfg.seed)
    mean, std = X_train.mean(), X_train.std()
    loaders = []
    for images, labels, shuffle in ((X_train, y_train, True), (X_val, y_val, False), (X_test, y_test, False)):
        images = torch.from_numpy((images - mean) / std).float().unsqueeze(1)
        dataset = TensorDataset(images, torch.from_numpy(labels).long())
        loaders.append(DataLoader(dataset, batch_size=cfg.batch_size, shuffle=shuffle))
    return loaders


def main():
    cfg = Config()
    torch.manual_seed(cfg.seed)
    np.random.seed(cfg.seed)
    images, digits = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8)

    # source task: the digits 0 to 4
    old = digits < 5
    train_loader, val_loader, _ = make_loaders(images[old], digits[old], cfg)
    backbone = Backbone()
    source = Classifier(backbone, 5)
    trainer = Trainer(source, torch.optim.Adam(source.parameters(), lr=cfg.lr_pretrain))
    trainer.fit(train_loader, val_loader, cfg.epochs_pretrain)

    # target task: the digits 5 to 9, of which there are few
    X, y = images[~old][:500], digits[~old][:500] - 5
    train_loader, val_loader, test_loader = make_loaders(X, y, cfg)
    model = Classifier(copy.deepcopy(backbone), 5)
    print("stage 1: the head alone")
    for p in model.backbone.parameters():
        p.requires_grad = False
    optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=cfg.lr_head)
    Trainer(model, optimizer).fit(train_loader, val_loader, cfg.epochs_head)

    print("stage 2: everything")
    for p in model.parameters():
        p.requires_grad = True
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr_finetune)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=cfg.epochs_finetune)
    trainer = Trainer(model, optimizer, scheduler)
    trainer.fit(train_loader, val_loader, cfg.epochs_finetune)
    test_loss, test_acc = trainer.evaluate(test_loader)
    print(f"test_loss: {test_loss:.4f} test_acc: {test_acc:.4f}")


if __name__ == "__main__":
    main()
"""

DISTIL = """# Homework 5: knowledge distillation. The student sees few labels but all of the teacher's soft ones.
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification
from sklearn.preprocessing import StandardScaler

torch.manual_seed(42)
X, Y = make_classification(
    n_samples=2400, n_features=20, n_informative=10, n_redundant=4, n_classes=5, n_clusters_per_class=2,
    class_sep=1.5, flip_y=0.01, random_state=1,
)
scaler = StandardScaler().fit(X[:1800])
X = torch.tensor(scaler.transform(X), dtype=torch.float32)
Y = torch.tensor(Y)
x_train, y_train, x_test, y_test = X[:1800], Y[:1800], X[1800:], Y[1800:]
#DATA
T, alpha = 3.0, 0.7


def mlp(width, depth, p=0.0):
    layers, d = [], 20
    for _ in range(depth):
        layers += [nn.Linear(d, width), nn.ReLU(), nn.Dropout(p)]
        d = width
    return nn.Sequential(*layers, nn.Linear(d, 5))


def batches(n, size=64):
    for idx in torch.randperm(n).split(size):
        yield idx


def score(net):
    net.eval()
    with torch.no_grad():
        hits = (net(x_test).argmax(-1) == y_test).sum().item()
    return hits / len(y_test)


def kd_loss(student_logits, teacher_logits, labels):
    soft = F.kl_div(
        F.log_softmax(student_logits / T, dim=1), F.softmax(teacher_logits / T, dim=1), reduction="batchmean"
    ) * T * T
    hard = F.cross_entropy(student_logits, labels)
    return alpha * soft + (1 - alpha) * hard


teacher = mlp(128, 2, p=0.2)
opt = torch.optim.Adam(teacher.parameters(), lr=2e-3)
for epoch in range(15):
    teacher.train()
    for idx in batches(1800):
        loss = F.cross_entropy(teacher(x_train[idx]), y_train[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("teacher test accuracy", score(teacher))

teacher.eval()
student = mlp(16, 1)
opt = torch.optim.Adam(student.parameters(), lr=1e-2)
for epoch in range(15):
    student.train()
    for idx in batches(1800):
        xb, yb = x_train[idx], y_train[idx]
        with torch.no_grad():
            t = teacher(xb)
        s = student(xb)
        loss = kd_loss(s, t, yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    if (epoch + 1) % 5 == 0:
        print("epoch", epoch + 1, "student test accuracy", score(student))
"""

DIFFUSION = '''import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
T = 50
betas = torch.linspace(1e-3, 0.2, T)
alphas = 1.0 - betas
alpha_bar = torch.cumprod(alphas, dim=0)


class Denoiser(nn.Module):
    """Predicts the noise that was added to a point."""

    def __init__(self, hidden=128):
        super().__init__()
        self.time = nn.Embedding(T, 16)
        self.net = nn.Sequential(
            nn.Linear(2 + 16, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, 2),
        )

    def forward(self, x, t):
        return self.net(torch.cat([x, self.time(t)], dim=-1))


def q_sample(x0, t, noise):
    a = alpha_bar[t].unsqueeze(-1)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def p_losses(model, x0):
    t = torch.randint(0, T, (len(x0),))
    noise = torch.randn_like(x0)
    pred = model(q_sample(x0, t, noise), t)
    return F.mse_loss(pred, noise)


@torch.no_grad()
def sample(model, n):
    x = torch.randn(n, 2)
    for i in reversed(range(T)):
        eps = model(x, torch.full((n,), i))
        x = (x - betas[i] / (1 - alpha_bar[i]).sqrt() * eps) / alphas[i].sqrt()
        if i > 0:
            x = x + betas[i].sqrt() * torch.randn_like(x)
    return x


points = torch.tensor(make_moons(2200, noise=0.05, random_state=0)[0], dtype=torch.float32)
train, valid = points[:2000], points[2000:]
center, spread = train.mean(0), train.std(0)
train, valid = (train - center) / spread, (valid - center) / spread
#DATA
model = Denoiser()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for step in range(1, 601):
    model.train()
    x0 = train[torch.randint(0, len(train), (128,))]
    loss = p_losses(model, x0)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        model.eval()
        with torch.no_grad():
            val = sum(p_losses(model, valid).item() for _ in range(5)) / 5
        made = sample(model, 200)
        dist = torch.cdist(valid, made).min(dim=1).values.mean().item()
        print(f"step {step} loss {loss.item():.3f} validation loss {val:.3f} distance to samples {dist:.3f}")
'''

D_STEP = """        output = netD(real, y).view(-1)
        errD_real = criterion(output, label)
        errD_real.backward()
        noise = torch.randn(b_size, nz)
        fake = netG(noise, y)
        label.fill_(fake_label)
        output = netD(fake.detach(), y).view(-1)
        errD_fake = criterion(output, label)
        errD_fake.backward()
        errD = errD_real + errD_fake
        optimizerD.step()
"""
G_STEP = """        netG.zero_grad()
        label.fill_(real_label)
        output = netD(fake, y).view(-1)
        errG = criterion(output, label)
        errG.backward()
        optimizerG.step()
"""
RECON = """    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 64), reduction="sum")
"""
KLD = """    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
"""
REPARAM = """        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std
"""
NT_XENT = """    n = z1.shape[0]
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    sim = z @ z.t() / temperature
    sim = sim.masked_fill(torch.eye(2 * n, dtype=torch.bool), float("-inf"))
    targets = torch.cat([torch.arange(n, 2 * n), torch.arange(n)])
    return F.cross_entropy(sim, targets)
"""
VIEW_STEP = """            z1, z2 = projector(encoder(v1)), projector(encoder(v2))
            loss = nt_xent(z1, z2)
"""
EPOCH = """        for x, y in loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            total += loss.item() * x.size(0)
"""
SECOND = """    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr_finetune)
"""
STUDENT = """        with torch.no_grad():
            t = teacher(xb)
        s = student(xb)
        loss = kd_loss(s, t, yb)
"""
LEARN = """    loss = p_losses(model, x0)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""

RIGHT: list[tuple[str, Patch]] = [
    (GAN, ()),
    (
        GAN,
        (
            ("            nn.Linear(ndf, 1),\n", "            nn.Linear(ndf, 1),\n            nn.Sigmoid(),\n"),
            ("nn.BCEWithLogitsLoss()", "nn.BCELoss()"),
        ),
    ),
    (
        GAN,
        (
            (
                D_STEP,
                """        noise = torch.randn(b_size, nz)
        fake = netG(noise, y)
        errD = F.relu(1 - netD(real, y)).mean() + F.relu(1 + netD(fake.detach(), y)).mean()
        errD.backward()
        optimizerD.step()
""",
            ),
            (
                G_STEP,
                """        netG.zero_grad()
        errG = -netD(fake, y).mean()
        errG.backward()
        optimizerG.step()
""",
            ),
        ),
    ),
    (GAN, (("nn.BCEWithLogitsLoss()", "nn.MSELoss()"), ("errD_real + errD_fake", "0.5 * (errD_real + errD_fake)"))),
    (
        GAN,
        (
            ("lr=lr, betas=(0.5, 0.999))", "lr=lr, betas=(0.0, 0.9))"),
            (
                D_STEP,
                """        fake = netG(torch.randn(b_size, nz), y)
        u = torch.rand(b_size, 1)
        between = (u * real + (1 - u) * fake.detach()).requires_grad_(True)
        (slope,) = torch.autograd.grad(netD(between, y).sum(), between, create_graph=True)
        penalty = 10 * ((slope.norm(2, dim=1) - 1) ** 2).mean()
        errD = netD(fake.detach(), y).mean() - netD(real, y).mean() + penalty
        errD.backward()
        optimizerD.step()
""",
            ),
            (
                G_STEP,
                """        netG.zero_grad()
        errG = -netD(fake, y).mean()
        errG.backward()
        optimizerG.step()
""",
            ),
        ),
    ),
    (
        GAN,
        (
            ("num_epochs, lr = 64, 16, 1e-3", "num_epochs, lr = 64, 24, 1e-3"),
            ("optim.Adam(netD.parameters(), lr=lr, betas=(0.5, 0.999))", "optim.RMSprop(netD.parameters(), lr=5e-4)"),
            ("optim.Adam(netG.parameters(), lr=lr, betas=(0.5, 0.999))", "optim.RMSprop(netG.parameters(), lr=5e-4)"),
            (
                D_STEP,
                """        fake = netG(torch.randn(b_size, nz), y)
        errD = -(netD(real, y).mean() - netD(fake.detach(), y).mean())
        errD.backward()
        optimizerD.step()
        with torch.no_grad():
            for p in netD.parameters():
                p.clamp_(-0.2, 0.2)
        if i % 2:
            continue
""",
            ),
            (
                G_STEP,
                """        netG.zero_grad()
        errG = -netD(fake, y).mean()
        errG.backward()
        optimizerG.step()
""",
            ),
        ),
    ),
    (GAN, (("real_label, fake_label = 1.0, 0.0", "real_label, fake_label = 0.9, 0.0"),)),
    (
        GAN,
        (
            (
                D_STEP + "        # (2) Update G network: maximize log(D(G(z)))\n" + G_STEP,
                """        for p in netD.parameters():
            p.requires_grad_(True)
        fake = netG(torch.randn(b_size, nz), y)
        errD = F.softplus(-netD(real, y)).mean() + F.softplus(netD(fake.detach(), y)).mean()
        errD.backward()
        optimizerD.step()
        for p in netD.parameters():
            p.requires_grad_(False)
        optimizerG.zero_grad()
        errG = F.softplus(-netD(netG(torch.randn(b_size, nz), y), y)).mean()
        errG.backward()
        optimizerG.step()
""",
            ),
        ),
    ),
    (
        GAN,
        (
            (
                "        errG = criterion(output, label)\n",
                "        errG = -F.binary_cross_entropy_with_logits(output, torch.zeros(b_size))\n",
            ),
        ),
    ),
    (
        GAN,
        (
            ("import torch.optim as optim", "import copy\nimport torch.optim as optim"),
            ("criterion = nn", "ema = copy.deepcopy(netG).eval()\ncriterion = nn"),
            (
                "        optimizerG.step()\n",
                """        optimizerG.step()
        with torch.no_grad():
            for a, b in zip(ema.parameters(), netG.parameters()):
                a.lerp_(b, 0.05)
            for a, b in zip(ema.buffers(), netG.buffers()):
                a.copy_(b)
""",
            ),
            ("samples = netG(", "samples = ema("),
        ),
    ),
    (
        GAN,
        (
            ("nn.Linear(ndf, ndf)", "nn.utils.parametrizations.spectral_norm(nn.Linear(ndf, ndf))"),
            ("netD(real, y)", "netD(real + 0.1 * torch.randn_like(real), y)"),
        ),
    ),
    (
        GAN,
        (
            ("nn.Linear(ndf, 1),", "nn.Linear(ndf, 2),"),
            ("nn.BCEWithLogitsLoss()", "nn.CrossEntropyLoss()"),
            (".view(-1)", ""),
            ("torch.full((b_size,), real_label)", "torch.full((b_size,), 1)"),
            ("real_label, fake_label = 1.0, 0.0", "real_label, fake_label = 1, 0"),
        ),
    ),
    (
        GAN,
        (
            (
                "netG = Generator()\nnetD = Discriminator()\n",
                """def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Linear") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.05)
        nn.init.constant_(m.bias.data, 0)
    elif classname.find("BatchNorm") != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)


netG = Generator().apply(weights_init)
netD = Discriminator()
netD.apply(weights_init)
""",
            ),
        ),
    ),
    (VAE, ()),
    (
        VAE,
        (
            (RECON, '    BCE = F.mse_loss(recon_x, x.view(-1, 64), reduction="sum")\n'),
            ("return BCE + KLD", "return 10 * BCE + KLD"),
        ),
    ),
    (
        VAE,
        (
            ("return torch.sigmoid(self.fc4(h3))", "return self.fc4(h3)"),
            ("F.binary_cross_entropy(recon_x", "F.binary_cross_entropy_with_logits(recon_x"),
        ),
    ),
    (
        VAE,
        (
            (REPARAM, "        return torch.distributions.Normal(mu, torch.exp(0.5 * logvar)).rsample()\n"),
            (
                KLD,
                """    q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
    KLD = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum()
""",
            ),
        ),
    ),
    (
        VAE,
        (
            (KLD, "    KLD = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).mean(0).clamp(max=-0.1).sum() * len(x)\n"),
            ("return BCE + KLD", "return (BCE + KLD) / len(x)"),
            (
                "test_loss += loss_function(recon_batch, data, mu, logvar).item()",
                "test_loss += loss_function(recon_batch, data, mu, logvar).item() * len(data)",
            ),
            ("train_loss += loss.item()", "train_loss += loss.item() * len(data)"),
        ),
    ),
    (
        VAE,
        (
            ("def loss_function(recon_x, x, mu, logvar):", "def loss_function(recon_x, x, mu, logvar, beta=1.0):"),
            ("return BCE + KLD", "return BCE + beta * KLD"),
            (
                "        loss = loss_function(recon_batch, data, mu, logvar)\n",
                "        loss = loss_function(recon_batch, data, mu, logvar, min(1.0, epoch / 10))\n",
            ),
        ),
    ),
    (
        VAE,
        (
            (
                "        recon_batch, mu, logvar = model(data)\n        loss =",
                "        noisy = (data + 0.2 * torch.randn_like(data)).clamp(0, 1)\n        recon_batch, mu, logvar = model(noisy)\n        loss =",
            ),
        ),
    ),
    (
        VAE,
        (
            (
                "        z = self.reparameterize(mu, logvar)\n",
                "        z = self.reparameterize(mu, logvar) if self.training else mu\n",
            ),
            (
                'print("====> Test set loss: {:.4f}".format(test_loss))',
                'print("test", test_loss, "error", F.mse_loss(model(test_loader.dataset.images)[0], test_loader.dataset.images.flatten(1)).item())',
            ),
        ),
    ),
    (
        VAE,
        (
            ("self.fc1 = nn.Linear(64, 128)", "self.fc1 = nn.Linear(74, 128)"),
            ("self.fc3 = nn.Linear(8, 128)", "self.fc3 = nn.Linear(18, 128)"),
            ("def forward(self, x):", "def forward(self, x, c):"),
            ("self.encode(x.view(-1, 64))", "self.encode(torch.cat([x.view(-1, 64), c], 1))"),
            ("return self.decode(z), mu, logvar", "return self.decode(torch.cat([z, c], 1)), mu, logvar"),
            ("(data, _)", "(data, labels)"),
            ("= model(data)", "= model(data, F.one_hot(labels, 10).float())"),
            ("model.decode(torch.randn(16, 8))", "model.decode(torch.cat([torch.randn(10, 8), torch.eye(10)], 1))"),
        ),
    ),
    (
        VAE,
        (
            (
                "        z = self.reparameterize(mu, logvar)\n        return self.decode(z), mu, logvar",
                "        return self.decode(mu), mu, None",
            ),
            (KLD, "    KLD = 1e-2 * mu.abs().sum()\n"),
        ),
    ),
    (
        VAE,
        (
            (
                "        optimizer.zero_grad()\n        recon_batch, mu, logvar = model(data)\n",
                "        data = torch.bernoulli(data)\n        optimizer.zero_grad()\n        recon_batch, mu, logvar = model(data)\n",
            ),
            (
                "        for i, (data, _) in enumerate(test_loader):\n",
                "        for i, (data, _) in enumerate(test_loader):\n            data = (data > 0.5).float()\n",
            ),
        ),
    ),
    (VIEWS, ()),
    (
        VIEWS,
        (
            (
                NT_XENT,
                """    z1, z2 = F.normalize(z1, dim=1), F.normalize(z2, dim=1)
    logits = z1 @ z2.t() / temperature
    labels = torch.arange(len(z1))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)) / 2
""",
            ),
        ),
    ),
    (
        VIEWS,
        (
            (
                NT_XENT,
                """    z = F.normalize(torch.stack([z1, z2], dim=1).flatten(0, 1), dim=1)
    n = len(z)
    sim = torch.exp(torch.mm(z, z.t()) / temperature)
    mask = ~torch.eye(n, dtype=torch.bool)
    pos = sim[torch.arange(n), torch.arange(n) ^ 1]
    return -torch.log(pos / (sim * mask).sum(dim=1)).mean()
""",
            ),
        ),
    ),
    (
        VIEWS,
        (
            (
                NT_XENT,
                """    n, d = z1.shape
    a = (z1 - z1.mean(0)) / (z1.std(0) + 1e-6)
    b = (z2 - z2.mean(0)) / (z2.std(0) + 1e-6)
    c = a.t() @ b / n
    on = (torch.diagonal(c) - 1).pow(2).sum()
    off = c.flatten()[:-1].view(d - 1, d + 1)[:, 1:].pow(2).sum()
    return on + 0.02 * off
""",
            ),
        ),
    ),
    (
        VIEWS,
        (
            (
                "projector = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))",
                "projector = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 64))",
            ),
            (
                VIEW_STEP,
                """            h1, h2 = encoder(v1), encoder(v2)
            p1, p2 = projector(h1), projector(h2)
            loss = -0.5 * (
                F.cosine_similarity(p1, h2.detach(), dim=-1).mean() + F.cosine_similarity(p2, h1.detach(), dim=-1).mean()
            )
""",
            ),
        ),
    ),
    (
        VIEWS,
        (
            ("for v1, v2, _ in loader:", "for v1, v2, y in loader:"),
            (
                VIEW_STEP,
                """            z = F.normalize(projector(encoder(torch.cat([v1, v2]))), dim=1)
            same = (torch.cat([y, y])[:, None] == torch.cat([y, y])[None, :]).float()
            same.fill_diagonal_(0)
            logits = z @ z.t() / 0.2
            logits = logits - 1e9 * torch.eye(len(z))
            logp = logits - torch.logsumexp(logits, dim=1, keepdim=True)
            loss = -((same * logp).sum(1) / same.sum(1).clamp(min=1)).mean()
""",
            ),
        ),
    ),
    (
        VIEWS,
        (
            (
                "        return augment(x), augment(x), self.labels[i]\n",
                """        same = (self.labels == self.labels[i]).nonzero()[:, 0]
        other = (self.labels != self.labels[i]).nonzero()[:, 0]
        p = same[torch.randint(len(same), (1,))].item()
        n = other[torch.randint(len(other), (1,))].item()
        return x, self.images[p], self.images[n]
""",
            ),
            ("for v1, v2, _ in loader:", "for anchor, positive, negative in loader:"),
            (
                VIEW_STEP,
                """            a, p, n = (projector(encoder(v)) for v in (anchor, positive, negative))
            loss = F.triplet_margin_loss(a, p, n, margin=1.0)
""",
            ),
        ),
    ),
    (
        VIEWS,
        (
            (
                "        return augment(x), augment(x), self.labels[i]\n",
                """        want = torch.rand(1).item() < 0.5
        while True:
            j = torch.randint(len(self), (1,)).item()
            if (self.labels[j] == self.labels[i]).item() == want:
                return x, self.images[j], torch.tensor(float(want))
""",
            ),
            ("for v1, v2, _ in loader:", "for v1, v2, same in loader:"),
            (
                VIEW_STEP,
                """            d = F.pairwise_distance(projector(encoder(v1)), projector(encoder(v2)))
            loss = (same * d.pow(2) + (1 - same) * F.relu(1.5 - d).pow(2)).mean()
""",
            ),
        ),
    ),
    (
        VIEWS,
        (
            (
                'print("linear probe accuracy", linear_probe(f_tr, ytr, f_te, yte))',
                'from sklearn.linear_model import LogisticRegression\n    clf = LogisticRegression(max_iter=300).fit(f_tr, ytr)\n    print("linear probe accuracy", (clf.predict(f_te) == yte.numpy()).mean())',
            ),
            (
                'knn = KNeighborsClassifier(5).fit(f_tr.numpy(), ytr.numpy())\n    print("knn accuracy", knn.score(f_te.numpy(), yte.numpy()))',
                'sim = F.normalize(f_te) @ F.normalize(f_tr).t()\n    vote = ytr[sim.topk(7).indices].mode(1).values\n    print("knn accuracy", vote.eq(yte).float().mean().item())',
            ),
        ),
    ),
    (
        VIEWS,
        (
            (
                "    return (pred == test_labels).float().mean().item()\n",
                "    recall = [(pred[test_labels == c] == c).float().mean() for c in range(10)]\n    return torch.stack(recall).mean().item()\n",
            ),
            (
                "img = torch.roll(img, (dy, dx), dims=(-2, -1))",
                "img = F.pad(img, (1, 1, 1, 1), mode='replicate')[:, 1 + dy : 9 + dy, 1 + dx : 9 + dx]",
            ),
        ),
    ),
    (TUNING, ()),
    (
        TUNING,
        (
            (
                SECOND,
                """    optimizer = torch.optim.Adam(
        [
            {"params": model.backbone.parameters(), "lr": cfg.lr_finetune / 5},
            {"params": model.head.parameters(), "lr": cfg.lr_finetune},
        ]
    )
""",
            ),
        ),
    ),
    (
        TUNING,
        (
            (
                SECOND,
                '    optimizer.add_param_group({"params": list(model.backbone.parameters()), "lr": cfg.lr_finetune})\n',
            ),
        ),
    ),
    (
        TUNING,
        (
            (
                "        self.model.train()\n",
                "        self.model.train()\n        if not self.model.backbone.conv1.weight.requires_grad:\n            self.model.backbone.eval()\n",
            ),
            (
                "            self.optimizer.step()\n",
                "            nn.utils.clip_grad_norm_([p for p in self.model.parameters() if p.grad is not None], 5.0)\n            self.optimizer.step()\n",
            ),
        ),
    ),
    (
        TUNING,
        (
            (
                EPOCH,
                """        for i, (x, y) in enumerate(loader):
            loss = self.criterion(self.model(x), y)
            (loss / 2).backward()
            if i % 2 == 1 or i == len(loader) - 1:
                self.optimizer.step()
                self.optimizer.zero_grad()
            total += loss.item() * x.size(0)
""",
            ),
        ),
    ),
    (
        TUNING,
        (
            (
                "            if val_acc > self.best_acc:\n                self.best_acc = val_acc\n                self.best_state = copy.deepcopy(self.model.state_dict())\n",
                """            if self.best_state is None or val_loss < self.best_loss - 1e-4:
                self.best_loss, self.patience = val_loss, 0
                self.best_state = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
            else:
                self.patience += 1
                if self.patience >= 3:
                    break
""",
            ),
            (
                "self.best_acc, self.best_state = -1.0, None",
                "self.best_loss, self.patience, self.best_state = float('inf'), 0, None",
            ),
        ),
    ),
    (
        TUNING,
        (
            ("import copy\n", "import copy\nimport io\n"),
            (
                "self.best_state = copy.deepcopy(self.model.state_dict())",
                "self.best_state = io.BytesIO(); torch.save(self.model.state_dict(), self.best_state)",
            ),
            (
                "self.model.load_state_dict(self.best_state)",
                "self.best_state.seek(0); self.model.load_state_dict(torch.load(self.best_state))",
            ),
        ),
    ),
    (
        TUNING,
        (
            (
                "        loss, correct, n = 0.0, 0, 0\n        for x, y in loader:\n            logits = self.model(x)\n            loss += self.criterion(logits, y).item() * y.size(0)\n            correct += accuracy(logits, y)\n            n += y.size(0)\n        return loss / n, correct / n\n",
                """        outs, ys = zip(*[(self.model(x), y) for x, y in loader])
        outs, ys = torch.cat(outs), torch.cat(ys)
        from sklearn.metrics import f1_score

        return self.criterion(outs, ys).item(), f1_score(ys, outs.argmax(1), average="macro")
""",
            ),
        ),
    ),
    (
        TUNING,
        (
            ("self.scheduler.step()", "self.scheduler.step(val_loss)"),
            (
                "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=cfg.epochs_finetune)",
                'torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=1)',
            ),
        ),
    ),
    (
        TUNING,
        (
            (
                "model = Classifier(copy.deepcopy(backbone), 5)",
                "model = Classifier(Backbone(), 5)\n    state = {k: v for k, v in source.state_dict().items() if not k.startswith('head')}\n    print(model.load_state_dict(state, strict=False))",
            ),
        ),
    ),
    (
        TUNING,
        (
            ("model = Classifier(copy.deepcopy(backbone), 5)", "model = source\n    model.head = nn.Linear(128, 5)"),
            (
                "    for p in model.backbone.parameters():\n        p.requires_grad = False\n",
                "    model.backbone.requires_grad_(False)\n",
            ),
            (
                "torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=cfg.lr_head)",
                "torch.optim.SGD(model.head.parameters(), lr=0.05, momentum=0.9)",
            ),
        ),
    ),
    (DISTIL, ()),
    (DISTIL, (("        loss = kd_loss(s, t, yb)\n", "        loss = F.mse_loss(s, t)\n"),)),
    (
        DISTIL,
        (
            ("        with torch.no_grad():\n            t = teacher(xb)\n", "        t = teacher(xb).detach()\n"),
            (
                "F.softmax(teacher_logits / T, dim=1), reduction",
                "F.log_softmax(teacher_logits / T, dim=1), log_target=True, reduction",
            ),
        ),
    ),
    (
        DISTIL,
        (
            (
                "student = mlp(16, 1)\n",
                "student = mlp(16, 1)\nwith torch.no_grad():\n    soft_train = teacher(x_train)\n",
            ),
            ("        with torch.no_grad():\n            t = teacher(xb)\n", "        t = soft_train[idx]\n"),
        ),
    ),
    (
        DISTIL,
        (
            (
                "        loss = kd_loss(s, t, yb)\n",
                "        p = (t / T).softmax(-1)\n        loss = -(p * (s / T).log_softmax(-1)).sum(-1).mean() * T**2 + 0.3 * F.cross_entropy(s, yb)\n",
            ),
        ),
    ),
    (
        DISTIL,
        (
            ("student = mlp(16, 1)\n", "student = mlp(16, 1)\nbridge = nn.Linear(16, 128)\n"),
            (
                "opt = torch.optim.Adam(student.parameters(), lr=1e-2)",
                "opt = torch.optim.Adam([*student.parameters(), *bridge.parameters()], lr=1e-2)",
            ),
            (
                STUDENT,
                """        with torch.no_grad():
            hint = teacher[:-1](xb)
        h = student[:-1](xb)
        loss = F.cross_entropy(student[-1](h), yb) + 0.5 * F.mse_loss(bridge(h), hint)
""",
            ),
        ),
    ),
    (
        DISTIL,
        (
            ("import torch\n", "import copy\nimport torch\n"),
            ("student = mlp(16, 1)\n", "student = mlp(16, 1, p=0.1)\nmean_teacher = copy.deepcopy(student)\n"),
            (
                STUDENT,
                """        s = student(xb + 0.1 * torch.randn_like(xb))
        with torch.no_grad():
            t = mean_teacher(xb + 0.1 * torch.randn_like(xb))
        loss = F.cross_entropy(s, yb) + 0.5 * F.mse_loss(s.softmax(1), t.softmax(1))
""",
            ),
            (
                "        opt.step()\n    if (epoch",
                """        opt.step()
        with torch.no_grad():
            for a, b in zip(mean_teacher.parameters(), student.parameters()):
                a.mul_(0.95).add_(b, alpha=0.05)
    if (epoch""",
            ),
            ("score(student))", "score(student), score(mean_teacher))"),
        ),
    ),
    (DIFFUSION, ()),
    (
        DIFFUSION,
        (
            ("return F.mse_loss(pred, noise)", "return F.mse_loss(pred, x0)"),
            (
                "        eps = model(x, torch.full((n,), i))\n",
                "        x0 = model(x, torch.full((n,), i))\n        eps = (x - alpha_bar[i].sqrt() * x0) / (1 - alpha_bar[i]).sqrt()\n",
            ),
        ),
    ),
    (
        DIFFUSION,
        (
            (
                "return F.mse_loss(pred, noise)",
                "a = alpha_bar[t].unsqueeze(-1)\n    return F.mse_loss(pred, a.sqrt() * noise - (1 - a).sqrt() * x0)",
            ),
            (
                "        eps = model(x, torch.full((n,), i))\n",
                "        v = model(x, torch.full((n,), i))\n        eps = alpha_bar[i].sqrt() * v + (1 - alpha_bar[i]).sqrt() * x\n",
            ),
        ),
    ),
    (
        DIFFUSION,
        (
            ("self.time = nn.Embedding(T, 16)", 'self.register_buffer("freqs", torch.exp(torch.linspace(0, -4, 8)))'),
            (
                "        return self.net(torch.cat([x, self.time(t)], dim=-1))",
                "        angles = t[:, None].float() * self.freqs\n        return self.net(torch.cat([x, angles.sin(), angles.cos()], dim=-1))",
            ),
        ),
    ),
    (
        DIFFUSION,
        (
            (
                "return F.mse_loss(pred, noise)",
                "snr = alpha_bar[t] / (1 - alpha_bar[t])\n    return (snr.clamp(max=5) / snr * ((pred - noise) ** 2).mean(dim=1)).mean()",
            ),
        ),
    ),
    (
        DIFFUSION,
        (
            (
                "model = Denoiser()\n",
                "model = Denoiser()\nema = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.98))\n",
            ),
            (
                "    optimizer.step()\n",
                "    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n    optimizer.step()\n    ema.update_parameters(model)\n",
            ),
            ("made = sample(model, 200)", "made = sample(ema, 200)"),
        ),
    ),
    (
        DIFFUSION,
        (
            (
                "    noise = torch.randn_like(x0)\n    pred = model(q_sample(x0, t, noise), t)\n    return F.mse_loss(pred, noise)\n",
                """    t = torch.cat([t[: len(t) // 2], T - 1 - t[: len(t) // 2]])
    noise = torch.randn_like(x0)
    pred = model(q_sample(x0, t, noise), t)
    return (pred - noise).abs().mean()
""",
            ),
        ),
    ),
]

WRONG: list[tuple[str, Patch, tuple[str, ...]]] = [
    (GAN, (("        netD.zero_grad()\n", ""),), ("gradients-accumulate",)),
    (GAN, (("        netG.zero_grad()\n", ""),), ("gradients-accumulate",)),
    (GAN, (("        netD.zero_grad()\n", "        optimizerG.zero_grad()\n"),), ("gradients-accumulate",)),
    (
        GAN,
        (("output = netD(fake, y).view(-1)", "output = netD(fake.detach(), y).view(-1)"),),
        ("gradient-does-not-flow",),
    ),
    (
        GAN,
        (("        fake = netG(noise, y)\n", "        with torch.no_grad():\n            fake = netG(noise, y)\n"),),
        ("gradient-does-not-flow",),
    ),
    (
        GAN,
        (
            (
                "output = netD(fake, y).view(-1)",
                "output = netD(torch.tensor(fake.detach().numpy()).requires_grad_(), y).view(-1)",
            ),
        ),
        ("gradient-does-not-flow",),
    ),
    (
        GAN,
        (("optimizerG = optim.Adam(netG.parameters()", "optimizerG = optim.Adam(netD.parameters()"),),
        ("parameter-not-in-optimiser", "optimiser-holds-foreign-parameters"),
    ),
    (GAN, (("optim.Adam(netG.parameters()", "optim.Adam(netG.embed.parameters()"),), ("parameter-not-in-optimiser",)),
    (
        GAN,
        (('print("Starting Training Loop...")', 'netG = Generator()\nprint("Starting Training Loop...")'),),
        ("optimiser-holds-foreign-parameters",),
    ),
    (
        GAN,
        (("            nn.Linear(ndf, 1),\n", "            nn.Linear(ndf, 1),\n            nn.Sigmoid(),\n"),),
        ("loss-expects-logits",),
    ),
    (GAN, (("nn.BCEWithLogitsLoss()", "nn.BCELoss()"),), ("loss-expects-probabilities",)),
    (
        GAN,
        (
            ("    netG.train()\n", ""),
            ('print("Starting Training Loop...")', 'netG.train()\nprint("Starting Training Loop...")'),
        ),
        ("eval-mode-in-training",),
    ),
    (GAN, (("    netG.eval()\n", ""),), ("train-mode-in-evaluation",)),
    (GAN, (("            nn.Tanh(),\n", "            nn.Sigmoid(),\n"),), ("output-range-cannot-reach-targets",)),
    (GAN, (("            nn.Tanh(),\n", "            nn.ReLU(),\n"),), ("output-range-cannot-reach-targets",)),
    (GAN, ((" / 8.0 - 1.0", ""),), ("output-range-cannot-reach-targets", "input-not-normalised")),
    (
        GAN,
        (("netG.zero_grad()\n        label.fill_(real_label)", "netG.zero_grad()\n        label.fill_(fake_label)"),),
        ("loss-sign-flipped",),
    ),
    (
        GAN,
        (("        errG = criterion(output, label)\n", "        errG = -criterion(output, label)\n"),),
        ("loss-sign-flipped",),
    ),
    (
        GAN,
        (
            (
                D_STEP,
                """        noise = torch.randn(b_size, nz)
        fake = netG(noise, y)
        errD = netD(real, y).mean() - netD(fake.detach(), y).mean()
        errD.backward()
        optimizerD.step()
        for p in netD.parameters():
            p.data.clamp_(-0.05, 0.05)
""",
            ),
            ("        errG = criterion(output, label)\n", "        errG = -output.mean()\n"),
        ),
        ("loss-sign-flipped",),
    ),
    (GAN, (("#DATA", "labels = labels[torch.randperm(len(labels))]"),), ("labels-out-of-order",)),
    (GAN, (("netD(real, y)", "netD(real, y[torch.randperm(b_size)])"),), ("labels-out-of-order",)),
    (
        GAN,
        (("fake = netG(noise, y)", "fake = netG(noise, torch.randint(0, n_classes, (b_size,)))"),),
        ("labels-out-of-order",),
    ),
    (GAN, ((".mean()\n    print(f", ".sum() / batch_size\n    print(f"),), ("metric-wrong",)),
    (
        GAN,
        (
            (
                "acc = (judge.predict(samples.numpy()) == asked.numpy()).mean()",
                "acc = (judge.predict(samples.numpy())[:, None] == asked.numpy()).mean()",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        GAN,
        (
            (
                "        self.main = nn.Sequential(\n            nn.Linear(64 + n_classes, ndf),\n            nn.LeakyReLU(0.2),\n            nn.Linear(ndf, ndf),\n            nn.LeakyReLU(0.2),\n            nn.Linear(ndf, 1),\n        )\n",
                "        self.layers = [nn.Linear(64 + n_classes, ndf), nn.Linear(ndf, ndf)]\n        self.out = nn.Linear(ndf, 1)\n",
            ),
            (
                "        return self.main(torch.cat([x, self.embed(y)], 1))\n\n\nnetG",
                "        h = torch.cat([x, self.embed(y)], 1)\n        for layer in self.layers:\n            h = F.leaky_relu(layer(h), 0.2)\n        return self.out(h)\n\n\nnetG",
            ),
        ),
        ("parameter-not-registered",),
    ),
    (GAN, (("lr=lr, betas=(0.5, 0.999))", "lr=1.0, betas=(0.5, 0.999))"),), ("learning-rate-too-high",)),
    (GAN, (("num_epochs, lr = 64, 16, 1e-3", "num_epochs, lr = 64, 16, 1e-7"),), ("learning-rate-too-low",)),
    (
        GAN,
        (
            (
                "        optimizerD.step()\n",
                "        optimizerD.step()\n        nn.utils.clip_grad_norm_(netD.parameters(), 0.1)\n",
            ),
        ),
        ("clip-after-step",),
    ),
    (
        GAN,
        (("nn.BCEWithLogitsLoss()", "lambda o, l: ((o - l) ** 2).mean()"), (".view(-1)", "")),
        ("accidental-broadcast",),
    ),
    (
        GAN,
        (
            (
                "netD = Discriminator()\n",
                """netD = Discriminator()
for m in netG.modules():
    if isinstance(m, nn.Linear):
        nn.init.normal_(m.weight.data, 1.0, 0.02)
for m in netD.modules():
    if isinstance(m, nn.Linear):
        nn.init.normal_(m.weight.data, 1.0, 0.02)
""",
            ),
        ),
        ("bad-initialisation",),
    ),
    (
        GAN,
        (
            (
                'print("Starting Training Loop...")',
                'schedulerG = optim.lr_scheduler.StepLR(optimizerG, step_size=4, gamma=0.2)\nprint("Starting Training Loop...")',
            ),
            ("        optimizerG.step()\n", "        optimizerG.step()\n        schedulerG.step()\n"),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (
        GAN,
        (
            (
                "        return self.main(torch.cat([x, self.embed(y)], 1))",
                "        return self.main(torch.cat([x - x.mean(0), self.embed(y)], 1))",
            ),
        ),
        ("examples-mixed",),
    ),
    (VAE, (("KLD = -0.5 * torch.sum(", "KLD = 0.5 * torch.sum("),), ("loss-sign-flipped",)),
    (
        VAE,
        (("images = d.images / 16.0", "images = d.images / 8.0 - 1.0"),),
        ("output-range-cannot-reach-targets", "loss-target-mismatch"),
    ),
    (
        VAE,
        (
            ("images = d.images / 16.0", "images = (d.images - 4.9) / 6.0"),
            ("F.binary_cross_entropy(recon_x", "F.mse_loss(recon_x"),
        ),
        ("output-range-cannot-reach-targets",),
    ),
    (
        VAE,
        (
            ("images = d.images / 16.0", "images = (d.images - 4.9) / 6.0"),
            ("F.binary_cross_entropy(recon_x", "F.mse_loss(recon_x"),
            ("torch.sigmoid(self.fc4(h3))", "F.relu(self.fc4(h3))"),
        ),
        ("output-range-cannot-reach-targets",),
    ),
    (
        VAE,
        (("F.binary_cross_entropy(recon_x", "F.binary_cross_entropy_with_logits(recon_x"),),
        ("loss-expects-logits",),
    ),
    (VAE, (("return torch.sigmoid(self.fc4(h3))", "return self.fc4(h3)"),), ("loss-expects-probabilities",)),
    (
        VAE,
        (("        return mu + eps * std\n", "        return torch.normal(mu, std)\n"),),
        ("gradient-does-not-flow",),
    ),
    (
        VAE,
        ((REPARAM, "        return torch.distributions.Normal(mu, torch.exp(0.5 * logvar)).sample()\n"),),
        ("gradient-does-not-flow",),
    ),
    (
        VAE,
        (
            (
                "        z = self.reparameterize(mu, logvar)\n",
                "        z = torch.from_numpy(self.reparameterize(mu, logvar).detach().numpy())\n",
            ),
        ),
        ("gradient-does-not-flow",),
    ),
    (VAE, (("        optimizer.zero_grad()\n", ""),), ("gradients-accumulate",)),
    (
        VAE,
        (
            ("        optimizer.zero_grad()\n", ""),
            ("    train_loss = 0\n", "    train_loss = 0\n    optimizer.zero_grad()\n"),
        ),
        ("gradients-accumulate",),
    ),
    (VAE, (("test_loss /= len(test_loader.dataset)", "test_loss /= len(test_loader)"),), ("metric-wrong",)),
    (VAE, (("test_loss /= len(test_loader.dataset)", "test_loss /= len(train_loader.dataset)"),), ("metric-wrong",)),
    (
        VAE,
        (
            ('reduction="sum")', 'reduction="mean")'),
            (KLD, "    KLD = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp()) * 0.1\n"),
        ),
        ("metric-wrong",),
    ),
    (
        VAE,
        ((RECON, "    BCE = F.mse_loss(recon_x, x.view(-1, 1, 64)) * 64 * len(x)\n"),),
        ("accidental-broadcast",),
    ),
    (
        VAE,
        (("images = d.images / 16.0", "images = d.images"), ("F.binary_cross_entropy(recon_x", "F.mse_loss(recon_x")),
        ("output-range-cannot-reach-targets", "input-not-normalised"),
    ),
    (VAE, (("images = d.images / 16.0", "images = d.images / 16.0 / 255.0"),), ("input-over-normalised",)),
    (VAE, (("images = d.images / 16.0", "images = d.images.astype(np.uint8) * 16 / 255.0"),), ("input-casting",)),
    (VAE, (("images = d.images / 16.0", "images = (d.images / 16.0).astype(int)"),), ("input-casting",)),
    (VAE, (("        if not train:\n            keep = ~keep\n", ""),), ("train-validation-overlap",)),
    (
        VAE,
        (
            (
                "    with torch.no_grad():\n        for i, (data, _) in enumerate(test_loader):\n            recon_batch, mu, logvar = model(data)\n            test_loss += loss_function(recon_batch, data, mu, logvar).item()\n",
                """    for i, (data, _) in enumerate(test_loader):
        optimizer.zero_grad()
        recon_batch, mu, logvar = model(data)
        loss = loss_function(recon_batch, data, mu, logvar)
        loss.backward()
        test_loss += loss.item()
        optimizer.step()
""",
            ),
        ),
        ("backward-in-evaluation",),
    ),
    (
        VAE,
        (
            ("self.fc1 = nn.Linear(64, 128)", "self.fc1 = nn.Linear(64, 128)\n        self.drop = nn.Dropout(0.2)"),
            ("h1 = F.relu(self.fc1(x))", "h1 = self.drop(F.relu(self.fc1(x)))"),
            ("    model.eval()\n", ""),
        ),
        ("train-mode-in-evaluation",),
    ),
    (
        VAE,
        (
            ("h1 = F.relu(self.fc1(x))", "h1 = F.dropout(F.relu(self.fc1(x)), 0.2)"),
            (
                "        z = self.reparameterize(mu, logvar)\n",
                "        z = self.reparameterize(mu, logvar) if self.training else mu\n",
            ),
        ),
        ("dropout-active-in-evaluation",),
    ),
    (VAE, (("z = self.reparameterize(mu, logvar)", "z = torch.randn_like(mu)"),), ("input-ignored",)),
    (
        VAE,
        (("optim.Adam(model.parameters()", "optim.Adam(list(model.fc3.parameters()) + list(model.fc4.parameters())"),),
        ("parameter-not-in-optimiser",),
    ),
    (VAE, (("lr=1e-3", "lr=3.0"),), ("learning-rate-too-high",)),
    (
        VAE,
        (
            (
                "        return self.fc21(h1), self.fc22(h1)\n",
                "        return self.fc21(h1), torch.log(self.fc22(h1))\n",
            ),
        ),
        ("loss-not-finite",),
    ),
    (
        VAE,
        (
            (
                "# Reconstruction",
                "scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)\n\n\n# Reconstruction",
            ),
            ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (
        VAE,
        (
            (
                "        recon_batch, mu, logvar = model(data)\n        loss = loss_function(recon_batch, data, mu, logvar)\n",
                "        recon_batch, mu, logvar = model(data + 0.2 * torch.randn_like(data))\n        clean = next(iter(train_loader))[0][: len(data)]\n        if len(clean) < len(data):\n            continue\n        loss = loss_function(recon_batch, clean, mu, logvar)\n",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        VAE,
        (
            (
                "        recon_batch, mu, logvar = model(data)\n        loss",
                "        flipped = torch.flip(data, dims=[3]) if torch.rand(1) < 0.5 else data\n        recon_batch, mu, logvar = model(flipped)\n        loss",
            ),
        ),
        ("augmentation-breaks-labels",),
    ),
    (
        VAE,
        (("    return BCE + KLD\n", "    return torch.clamp(BCE + KLD, max=1500.0)\n"),),
        ("loss-clipped",),
    ),
    (
        VAE,
        (
            (
                "mu, logvar = self.encode(x.view(-1, 64))",
                "mu, logvar = self.encode(x.permute(1, 2, 3, 0).reshape(-1, 64))",
            ),
        ),
        ("examples-mixed",),
    ),
    (
        VIEWS,
        (("targets = torch.cat([torch.arange(n, 2 * n), torch.arange(n)])", "targets = torch.arange(2 * n)"),),
        ("loss-not-finite",),
    ),
    (
        VIEWS,
        (
            (
                "z = F.normalize(torch.cat([z1, z2]), dim=1)",
                "z = F.normalize(torch.stack([z1, z2], dim=1).flatten(0, 1), dim=1)",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        VIEWS,
        (
            (
                "        return augment(x), augment(x), self.labels[i]\n",
                "        other = self.images[torch.randint(len(self), (1,)).item()]\n        return augment(x), augment(other), self.labels[i]\n",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        VIEWS,
        (("F.normalize(torch.cat([z1, z2]), dim=1)", "F.normalize(torch.cat([z1, z2]), dim=0)"),),
        ("examples-mixed",),
    ),
    (
        VIEWS,
        (("F.cross_entropy(sim, targets)", "F.cross_entropy(F.softmax(sim, dim=1), targets)"),),
        ("loss-expects-logits",),
    ),
    (
        VIEWS,
        (("F.cross_entropy(sim, targets)", "F.nll_loss(sim.masked_fill(sim.isinf(), -9.0), targets)"),),
        ("loss-expects-probabilities",),
    ),
    (VIEWS, (("sim = z @ z.t() / temperature", "sim = torch.cdist(z, z) / temperature"),), ("loss-sign-flipped",)),
    (
        VIEWS,
        (("    encoder.eval()\n", ""),),
        ("train-mode-in-evaluation",),
    ),
    (
        VIEWS,
        (
            ("        encoder.train()\n        running", "        running"),
            (
                '        print(f"epoch {epoch}: contrastive',
                '        embed(encoder, loader.dataset.images[:64])\n        print(f"epoch {epoch}: contrastive',
            ),
        ),
        ("eval-mode-in-training",),
    ),
    (
        VIEWS,
        (("linear_probe(f_tr, ytr, f_te, yte)", "linear_probe(f_te, yte, f_te, yte)"),),
        ("train-validation-overlap",),
    ),
    (
        VIEWS,
        (
            (
                "f_tr, f_te = embed(encoder, Xtr), embed(encoder, Xte)",
                "f_tr = torch.cat([embed(encoder, x) for x, _ in DataLoader(list(zip(Xtr, ytr)), batch_size=256, shuffle=True)])\n    f_te = embed(encoder, Xte)",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        VIEWS,
        (
            (
                "probe.parameters(), lr=0.1, momentum=0.9)\n",
                "probe.parameters(), lr=0.1, momentum=0.9)\n    probe = nn.Linear(feats.shape[1], 10)\n",
            ),
        ),
        ("optimiser-holds-foreign-parameters", "parameter-not-in-optimiser"),
    ),
    (
        VIEWS,
        (
            (
                "        loss = F.cross_entropy(probe(feats[idx]), labels[idx])\n        optimizer.zero_grad()\n",
                "        loss = F.cross_entropy(probe(feats[idx]), labels[idx])\n",
            ),
        ),
        ("gradients-accumulate",),
    ),
    (
        VIEWS,
        (
            (
                "loss = F.cross_entropy(probe(feats[idx]), labels[idx])",
                "loss = F.cross_entropy(probe(feats[idx]).softmax(1), labels[idx])",
            ),
        ),
        ("loss-expects-logits",),
    ),
    (VIEWS, (("pred = probe(test_feats).argmax(1)", "pred = probe(test_feats).argmax(0)[:1]"),), ("metric-wrong",)),
    (
        VIEWS,
        (("(pred == test_labels).float().mean()", "(pred[:, None] == test_labels).float().mean()"),),
        ("metric-wrong",),
    ),
    (
        VIEWS,
        (("(pred == test_labels).float().mean().item()", "(pred == test_labels).sum().item() / len(labels)"),),
        ("metric-wrong",),
    ),
    (
        VIEWS,
        (("params = list(encoder.parameters()) + list(projector.parameters())", "params = projector.parameters()"),),
        ("parameter-not-in-optimiser",),
    ),
    (
        VIEWS,
        (
            (
                "            z1, z2 = projector(encoder(v1)), projector(encoder(v2))\n",
                "            with torch.no_grad():\n                h1, h2 = encoder(v1), encoder(v2)\n            z1, z2 = projector(h1), projector(h2)\n",
            ),
        ),
        ("gradient-does-not-flow",),
    ),
    (
        VIEWS,
        (
            (
                "return augment(x), augment(x), self.labels[i]",
                "x = (x - 0.3) / 0.37\n        return augment(x), augment(x), self.labels[i]",
            ),
            ("    X = (X - X[tr].mean()) / X[tr].std()\n", "    X = X * 16\n"),
            ("x = (x - 0.3) / 0.37", "x = (x / 16 - 0.3) / 0.37"),
        ),
        ("train-eval-preprocessing-differ", "pretrained-normalisation-mismatch"),
    ),
    (
        VIEWS,
        (
            ("batch_size=128, shuffle=True, drop_last=True)", "batch_size=2, shuffle=True, drop_last=True)"),
            ("epochs=6", "epochs=1"),
        ),
        ("batch-norm-batch-too-small",),
    ),
    (
        VIEWS,
        (
            (
                "    tr, te = train_test_split",
                "    X, y = torch.cat([X, X[:900] + 0.0]), torch.cat([y, y[:900]])\n    tr, te = train_test_split",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        TUNING,
        (
            (
                SECOND + "    scheduler",
                "    scheduler",
            ),
        ),
        ("parameter-not-in-optimiser",),
    ),
    (
        TUNING,
        (
            (
                "model = Classifier(copy.deepcopy(backbone), 5)\n",
                "model = Classifier(copy.deepcopy(backbone), 5)\n    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr_head)\n    model.head = nn.Linear(128, 5)\n",
            ),
            (
                "    optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=cfg.lr_head)\n",
                "",
            ),
        ),
        ("parameter-not-in-optimiser", "optimiser-holds-foreign-parameters"),
    ),
    (
        TUNING,
        (
            (
                "    trainer = Trainer(model, optimizer, scheduler)\n",
                "    model = copy.deepcopy(model)\n    trainer = Trainer(model, optimizer, scheduler)\n",
            ),
        ),
        ("optimiser-holds-foreign-parameters",),
    ),
    (
        TUNING,
        (
            (
                "    for p in model.backbone.parameters():\n        p.requires_grad = False\n",
                "    for p in model.parameters():\n        p.requires_grad = False\n    model.backbone.conv2.bias.requires_grad = True\n",
            ),
        ),
        ("gradient-does-not-flow",),
    ),
    (TUNING, (("        self.model.eval()\n", ""),), ("train-mode-in-evaluation",)),
    (
        TUNING,
        (
            ("        self.model.train()\n", ""),
            (
                "        for epoch in range(epochs):\n",
                "        self.model.train()\n        for epoch in range(epochs):\n",
            ),
        ),
        ("eval-mode-in-training",),
    ),
    (
        TUNING,
        (
            ("        loss, correct, n = 0.0, 0, 0\n", "        loss, correct, n = 0.0, [], 0\n"),
            (
                "            correct += accuracy(logits, y)\n",
                "            correct.append(accuracy(logits, y) / y.size(0))\n",
            ),
            ("return loss / n, correct / n", "return loss / n, float(np.mean(correct))"),
        ),
        ("metric-wrong",),
    ),
    (
        TUNING,
        (("            n += y.size(0)\n", "            n += loader.batch_size\n"),),
        ("metric-wrong",),
    ),
    (
        TUNING,
        (
            ("return loss / n, correct / n", "return loss / len(loader), correct / n"),
            (
                "loss += self.criterion(logits, y).item() * y.size(0)",
                "loss += self.criterion(logits, y).item() * loader.batch_size",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        TUNING,
        (
            (
                "    mean, std = X_train.mean(), X_train.std()\n",
                "    mean, std = np.concatenate([X_train, X_val, X_test]).mean(), np.concatenate([X_train, X_val, X_test]).std()\n",
            ),
        ),
        ("preprocessing-leak",),
    ),
    (
        TUNING,
        (("(images - mean) / std)", "(images - images.mean()) / images.std() if shuffle else images)"),),
        ("train-eval-preprocessing-differ",),
    ),
    (
        TUNING,
        (
            (
                "    X, y = images[~old][:500], digits[~old][:500] - 5\n",
                "    X, y = images[~old][:500], digits[~old][:500] - 5\n    X, y = np.repeat(X, 2, axis=0), np.repeat(y, 2)\n",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        TUNING,
        (("y_val = train_test_split(X_train, y_train,", "y_val = train_test_split(X, y,"),),
        ("train-validation-overlap",),
    ),
    (TUNING, (("digits[~old][:500] - 5", "digits[~old][:500]"),), ("label-out-of-range",)),
    (TUNING, (("digits[~old][:500] - 5", "np.minimum(digits[~old][:500] - 4, 4)"),), ("labels-corrupt",)),
    (TUNING, (("torch.from_numpy(labels).long()", "torch.from_numpy(labels).float()"),), ("label-format-mismatch",)),
    (
        TUNING,
        (
            ("torch.from_numpy(labels).long()", "torch.from_numpy(labels).float().unsqueeze(1)"),
            ("nn.CrossEntropyLoss()", "nn.MSELoss()"),
            ("self.head = nn.Linear(128, num_classes)", "self.head = nn.Linear(128, 1)"),
            ("(logits.argmax(dim=1) == targets)", "(logits.round() == targets)"),
        ),
        ("loss-target-mismatch",),
    ),
    (
        TUNING,
        (("return self.head(self.backbone(x))", "return torch.softmax(self.head(self.backbone(x)), dim=1)"),),
        ("loss-expects-logits",),
    ),
    (
        TUNING,
        (("return self.head(self.backbone(x))", "return torch.relu(self.head(self.backbone(x)))"),),
        ("activation-on-logits",),
    ),
    (
        TUNING,
        (
            ("return self.head(self.backbone(x))", "return torch.log_softmax(self.head(self.backbone(x)), dim=0)"),
            ("nn.CrossEntropyLoss()", "nn.NLLLoss()"),
        ),
        ("softmax-wrong-dim",),
    ),
    (
        TUNING,
        (
            ("                self.scheduler.step()", "                self.scheduler.step(val_acc)"),
            (
                "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=cfg.epochs_finetune)",
                "torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=0)",
            ),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (
        TUNING,
        (
            (
                "            self.optimizer.step()\n",
                "            self.optimizer.step()\n            if self.scheduler is not None:\n                self.scheduler.step()\n",
            ),
            (
                "            if self.scheduler is not None:\n                self.scheduler.step()\n            if val_acc",
                "            if val_acc",
            ),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (
        TUNING,
        (
            (
                "    X, y = images[~old][:500], digits[~old][:500] - 5\n",
                "    X, y = images[~old][:500], digits[~old][:500] - 5\n    order = np.argsort(y)\n    X, y = X[order], y[order]\n",
            ),
            (
                "    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=cfg.seed, stratify=y)\n    X_train, X_val, y_train, y_val = train_test_split(X_train, y_train, test_size=0.2, random_state=cfg.seed)\n",
                "    pick = np.arange(len(X)) % 5\n    X_train, y_train = X[pick < 3], y[pick < 3]\n    X_val, y_val, X_test, y_test = X[pick == 3], y[pick == 3], X[pick == 4], y[pick == 4]\n",
            ),
            ("(X_train, y_train, True)", "(X_train, y_train, False)"),
        ),
        ("data-not-shuffled",),
    ),
    (
        TUNING,
        (
            (
                "    X_train, X_val, y_train, y_val = train_test_split(",
                "    y_train = np.random.permutation(y_train)\n    X_train, X_val, y_train, y_val = train_test_split(",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        TUNING,
        (("return self.dropout(x.flatten(1))", "return self.dropout(x.permute(1, 0, 2, 3).reshape(x.size(0), -1))"),),
        ("examples-mixed",),
    ),
    (TUNING, (("lr_finetune: float = 1e-3", "lr_finetune: float = 1.0"),), ("learning-rate-too-high",)),
    (
        TUNING,
        (
            (
                "self.conv2 = nn.Conv2d(16, 32, 3, padding=1)",
                "self.conv2 = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1))",
            ),
            ("torch.relu(self.conv2(x))", "self.conv2(x)"),
        ),
        ("missing-nonlinearity",),
    ),
    (
        DISTIL,
        (("F.log_softmax(student_logits / T, dim=1), F.softmax", "F.softmax(student_logits / T, dim=1), F.softmax"),),
        ("loss-expects-probabilities",),
    ),
    (
        DISTIL,
        (
            (
                "F.log_softmax(student_logits / T, dim=1), F.softmax(teacher_logits / T, dim=1), reduction",
                "F.log_softmax(student_logits / T, dim=0), F.softmax(teacher_logits / T, dim=0), reduction",
            ),
        ),
        ("softmax-wrong-dim",),
    ),
    (
        DISTIL,
        (("return alpha * soft + (1 - alpha) * hard", "return -alpha * soft - (1 - alpha) * hard"),),
        ("loss-sign-flipped",),
    ),
    (
        DISTIL,
        (("            t = teacher(xb)\n", "            t = teacher(x_train[torch.randperm(1800)[: len(idx)]])\n"),),
        ("labels-out-of-order",),
    ),
    (
        DISTIL,
        (
            (
                "student = mlp(16, 1)\n",
                "student = mlp(16, 1)\nwith torch.no_grad():\n    soft_train = torch.cat([teacher(x_train[i]) for i in batches(1800)])\n",
            ),
            ("        with torch.no_grad():\n            t = teacher(xb)\n", "        t = soft_train[idx]\n"),
        ),
        ("labels-out-of-order",),
    ),
    (
        DISTIL,
        (
            (
                "opt = torch.optim.Adam(student.parameters(), lr=1e-2)",
                "opt = torch.optim.Adam(teacher.parameters(), lr=1e-2)",
            ),
        ),
        ("parameter-not-in-optimiser", "optimiser-holds-foreign-parameters"),
    ),
    (
        DISTIL,
        (("opt = torch.optim.Adam(student.parameters(), lr=1e-2)\n", ""),),
        ("parameter-not-in-optimiser", "optimiser-holds-foreign-parameters"),
    ),
    (
        DISTIL,
        (("        loss = kd_loss(s, t, yb)\n        opt.zero_grad()\n", "        loss = kd_loss(s, t, yb)\n"),),
        ("gradients-accumulate",),
    ),
    (
        DISTIL,
        (("    student.train()\n", ""), ("student = mlp(16, 1)", "student = mlp(16, 1, p=0.3)")),
        ("eval-mode-in-training",),
    ),
    (
        DISTIL,
        (("scaler = StandardScaler().fit(X[:1800])", "scaler = StandardScaler().fit(X)"),),
        ("preprocessing-leak",),
    ),
    (DISTIL, (("    net.eval()\n", ""),), ("train-mode-in-evaluation",)),
    (DISTIL, (("return hits / len(y_test)", "return hits / len(y_train)"),), ("metric-wrong",)),
    (DISTIL, (("#DATA", "x_test, y_test = x_train[-600:], y_train[-600:]"),), ("train-validation-overlap",)),
    (DISTIL, (("#DATA", "y_train = y_train.roll(1)"),), ("labels-out-of-order",)),
    (
        DISTIL,
        (("#DATA", "bad = torch.rand(1800) < 0.35\ny_train = torch.where(bad, (y_train + 1) % 5, y_train)"),),
        ("labels-corrupt",),
    ),
    (DISTIL, (("nn.Linear(d, 5))", "nn.Linear(d, 5), nn.ReLU())"),), ("activation-on-logits",)),
    (
        DIFFUSION,
        (("pred = model(q_sample(x0, t, noise), t)", "pred = model(q_sample(x0, t, torch.randn_like(x0)), t)"),),
        ("labels-out-of-order",),
    ),
    (DIFFUSION, (("pred = model(q_sample(x0, t, noise), t)", "pred = model(x0, t)"),), ("labels-out-of-order",)),
    (
        DIFFUSION,
        (("self.time(t)], dim=-1)", "torch.zeros(len(x), 16)], dim=-1)"),),
        ("input-ignored", "gradient-does-not-flow"),
    ),
    (
        DIFFUSION,
        (
            ("self.time = nn.Embedding(T, 16)", "self.time = nn.Linear(1, 16)"),
            ("self.time(t)]", "self.time((t // T).float().unsqueeze(-1))]"),
        ),
        ("input-casting", "input-degenerate"),
    ),
    (
        DIFFUSION,
        (
            (
                "train, valid = (train - center) / spread, (valid - center) / spread\n",
                "train, valid = train * 100, valid * 100\n",
            ),
        ),
        ("input-not-normalised",),
    ),
    (
        DIFFUSION,
        (
            (
                "train, valid = (train - center) / spread, (valid - center) / spread\n",
                "train = (train - center) / spread\n",
            ),
        ),
        ("train-eval-preprocessing-differ",),
    ),
    (
        DIFFUSION,
        (("            nn.Linear(hidden, 2),\n", "            nn.Linear(hidden, 2),\n            nn.Tanh(),\n"),),
        ("output-range-cannot-reach-targets",),
    ),
    (
        DIFFUSION,
        (("            nn.Linear(hidden, 2),\n", "            nn.Linear(hidden, 2),\n            nn.ReLU(),\n"),),
        ("output-range-cannot-reach-targets", "activation-on-logits"),
    ),
    (DIFFUSION, (("            nn.SiLU(),\n", ""),), ("missing-nonlinearity",)),
    (DIFFUSION, (("return F.mse_loss(pred, noise)", "return -F.mse_loss(pred, noise)"),), ("loss-sign-flipped",)),
    (
        DIFFUSION,
        (("return F.mse_loss(pred, noise)", "return F.mse_loss(pred.unsqueeze(1), noise)"),),
        ("accidental-broadcast",),
    ),
    (
        DIFFUSION,
        (("return F.mse_loss(pred, noise)", "return F.mse_loss(pred.detach().requires_grad_(), noise)"),),
        ("gradient-does-not-flow",),
    ),
    (
        DIFFUSION,
        (("valid = points[:2000], points[2000:]", "valid = points[:2000], points[1800:2000]"),),
        ("train-validation-overlap",),
    ),
    (DIFFUSION, (("range(5)) / 5", "range(5))"),), ("metric-wrong",)),
    (
        DIFFUSION,
        (
            (
                "    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()\n",
                "    loss.backward()\n    optimizer.step()\n",
            ),
        ),
        ("gradients-accumulate",),
    ),
    (DIFFUSION, (("lr=2e-3", "lr=1e-7"),), ("learning-rate-too-low",)),
    (
        VAE,
        (("h1 = F.relu(self.fc1(x))", "h1 = torch.tanh(self.fc1(x * 255))"),),
        ("saturated-units", "input-not-normalised"),
    ),
    (
        DISTIL,
        (
            (
                "student = mlp(16, 1)\n",
                "student = nn.Sequential(nn.Linear(20, 32), *[m for _ in range(9) for m in (nn.Sigmoid(), nn.Linear(32, 32))], nn.Sigmoid(), nn.Linear(32, 5))\n",
            ),
        ),
        ("gradient-vanishing",),
    ),
    (
        TUNING,
        (
            (
                "    X, y = images[~old][:500], digits[~old][:500] - 5\n",
                "    X, y = images[digits == 5], digits[digits == 5] - 5\n",
            ),
        ),
        ("single-class",),
    ),
    (
        TUNING,
        (
            (
                "return self.dropout(x.flatten(1))",
                "return self.dropout(x.flatten(1)) + 0.3 * torch.randn(x.size(0), 128)",
            ),
        ),
        ("evaluation-not-deterministic",),
    ),
    (
        TUNING,
        (
            (
                "self.conv1 = nn.Conv2d(1, 16, 3, padding=1)",
                "self.conv1 = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16))",
            ),
            ("(images - mean) / std)", "(images - mean) / std if len(y) > 600 else images / 255.0)"),
        ),
        ("pretrained-normalisation-mismatch", "input-over-normalised"),
    ),
    (
        DISTIL,
        (
            ('reduction="batchmean"', 'reduction="sum"'),
            ("torch.optim.Adam(student.parameters(), lr=1e-2)", "torch.optim.SGD(student.parameters(), lr=2e-3)"),
        ),
        ("loss-sum-reduction",),
    ),
    (
        DIFFUSION,
        (("betas = torch.linspace(1e-3, 0.2, T)", "betas = torch.linspace(1e-3, 1.1, T)"),),
        ("loss-not-finite", "input-not-finite"),
    ),
]

ACCUSED_ONCE = (
    "t = teacher(xb).detach()",
    "beta=1.0",
    "same.fill_diagonal_(0)",
    "logits = z1 @ z2.t() / temperature",
)
MISSED_ONCE = (
    "errG = -criterion(output, label)",
    "y[torch.randperm(b_size)]",
    "netG(noise, torch.randint",
    "self.reparameterize(mu, logvar).detach().numpy()",
    "test_loss /= len(test_loader)",
    "torch.stack([z1, z2], dim=1).flatten(0, 1), dim=1)",
    "augment(other)",
    "teacher(x_train[torch.randperm(1800)",
    "q_sample(x0, t, torch.randn_like(x0))",
    "train * 100",
    "images[digits == 5]",
)
