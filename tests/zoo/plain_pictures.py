"""Five programs on pictures, as tutorials, courses and repositories have them: right ways to write them, and wrong ones.

A classifier of digits with torchvision's transforms, a variational auto-encoder, a denoiser, a segmentation with a small
U-Net, and a backbone that is moved to pictures of several labels. Patches are like those of `zoo.plain`.
"""

from zoo.plain import Patch

DIGITS = """import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

torch.manual_seed(42)
np.random.seed(42)

BATCH_SIZE = 64
EPOCHS = 6
LR = 1e-2

digits = load_digits()
digits.images, digits.target = digits.images[:1000], digits.target[:1000]  # enough for this notebook
x_train, x_val, y_train, y_val = train_test_split(
    digits.images, digits.target, test_size=0.25, random_state=42, stratify=digits.target
)
MEAN, STD = (x_train / 16.0).mean(), (x_train / 16.0).std()

train_transform = v2.Compose([
    v2.RandomAffine(degrees=8, translate=(0.08, 0.08)),
    v2.Normalize(mean=[MEAN], std=[STD]),
])
val_transform = v2.Compose([v2.Normalize(mean=[MEAN], std=[STD])])


class DigitsDataset(Dataset):
    def __init__(self, images, labels, transform=None):
        self.images = images
        self.labels = labels
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, idx):
        img = torch.tensor(self.images[idx] / 16.0, dtype=torch.float32).unsqueeze(0)
        if self.transform:
            img = self.transform(img)
        label = torch.tensor(self.labels[idx], dtype=torch.long)
        return img, label


train_loader = DataLoader(DigitsDataset(x_train, y_train, train_transform), batch_size=BATCH_SIZE, shuffle=True)
val_loader = DataLoader(DigitsDataset(x_val, y_val, val_transform), batch_size=BATCH_SIZE, shuffle=False)


class ConvNet(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(0.25)
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, num_classes)

    def forward(self, x):
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.pool(F.relu(self.bn2(self.conv2(x))))
        x = torch.flatten(x, 1)
        x = self.dropout(F.relu(self.fc1(x)))
        return self.fc2(x)


model = ConvNet()
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=LR)
scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=LR, epochs=EPOCHS, steps_per_epoch=len(train_loader))


def train_epoch():
    model.train()
    running_loss, correct, total = 0.0, 0, 0
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        scheduler.step()
        running_loss += loss.item() * inputs.size(0)
        correct += (outputs.argmax(dim=1) == labels).sum().item()
        total += labels.size(0)
    return running_loss / total, correct / total


def validate():
    model.eval()
    val_loss, val_correct, val_total = 0.0, 0, 0
    with torch.no_grad():
        for images, targets in val_loader:
            logits = model(images)
            val_loss += criterion(logits, targets).item() * images.size(0)
            val_correct += (logits.argmax(dim=1) == targets).sum().item()
            val_total += targets.size(0)
    return val_loss / val_total, val_correct / val_total


for epoch in range(EPOCHS):
    train_loss, train_acc = train_epoch()
    val_loss, val_acc = validate()
    print(f"Epoch {epoch + 1}/{EPOCHS}  train loss {train_loss:.4f} acc {train_acc:.4f}  val loss {val_loss:.4f} acc {val_acc:.4f}")
"""

VAE = """import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split

cfg = dict(latent=4, batch=50, epochs=6, lr=2e-3, beta=1.0, seed=7)
torch.manual_seed(cfg["seed"])


def make_ellipses(n, size=16):
    ax = torch.linspace(-1, 1, size)
    yy, xx = torch.meshgrid(ax, ax, indexing="ij")
    cx, cy = torch.rand(n, 1, 1) - 0.5, torch.rand(n, 1, 1) - 0.5
    rx, ry = 0.2 + 0.3 * torch.rand(n, 1, 1), 0.2 + 0.3 * torch.rand(n, 1, 1)
    d = ((xx - cx) / rx) ** 2 + ((yy - cy) / ry) ** 2
    return torch.sigmoid(6 * (1 - d)).unsqueeze(1)


data = make_ellipses(1500)
train_set, test_set = random_split(TensorDataset(data), [1200, 300])
train_loader = DataLoader(train_set, batch_size=cfg["batch"], shuffle=True)
test_loader = DataLoader(test_set, batch_size=cfg["batch"])


class VAE(nn.Module):
    def __init__(self, latent):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.fc_mu = nn.Linear(32 * 4 * 4, latent)
        self.fc_logvar = nn.Linear(32 * 4 * 4, latent)
        self.fc_dec = nn.Linear(latent, 32 * 4 * 4)
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),
        )

    def encode(self, x):
        h = self.encoder(x)
        return self.fc_mu(h), self.fc_logvar(h)

    def reparameterize(self, mu, logvar):
        if not self.training:
            return mu
        std = torch.exp(0.5 * logvar)
        return mu + std * torch.randn_like(std)

    def decode(self, z):
        h = F.relu(self.fc_dec(z)).view(-1, 32, 4, 4)
        return torch.sigmoid(self.decoder(h))

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon, x, mu, logvar):
    bce = F.binary_cross_entropy(recon, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (bce + cfg["beta"] * kld) / x.size(0)


model = VAE(cfg["latent"])
optimizer = optim.Adam(model.parameters(), lr=cfg["lr"])
for epoch in range(1, cfg["epochs"] + 1):
    model.train()
    train_loss = 0
    for (x,) in train_loader:
        recon, mu, logvar = model(x)
        loss = loss_function(recon, x, mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(x)
    model.eval()
    test_loss = 0
    with torch.no_grad():
        for (xt,) in test_loader:
            recon, mu, logvar = model(xt)
            test_loss += loss_function(recon, xt, mu, logvar).item() * len(xt)
    print(f"====> Epoch: {epoch} train {train_loss / len(train_set):.3f} test {test_loss / len(test_set):.3f}")
"""

DENOISE = """# homework 4: denoising with a convolutional autoencoder
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(1)
rng = np.random.RandomState(1)
imgs = load_digits().images.astype(np.float32) / 16.0
imgs = imgs[rng.permutation(len(imgs))][:, None]
clean_train, clean_test = torch.from_numpy(imgs[:1300]), torch.from_numpy(imgs[1300:])
SIGMA = 0.3
noisy_test = clean_test + SIGMA * torch.randn(clean_test.shape)


class Denoiser(nn.Module):
    def __init__(self, ch=24):
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(1, ch, 3, padding=1), nn.LeakyReLU(0.1))
        self.down2 = nn.Sequential(nn.Conv2d(ch, ch * 2, 3, stride=2, padding=1), nn.LeakyReLU(0.1))
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.mid = nn.Sequential(nn.Conv2d(ch * 2, ch, 3, padding=1), nn.LeakyReLU(0.1))
        self.out = nn.Conv2d(ch * 2, 1, 3, padding=1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(a)
        c = self.mid(self.up(b))
        return self.out(torch.cat([a, c], dim=1))


def psnr(a, b):
    return 10 * torch.log10(1.0 / ((a - b) ** 2).mean())


net = Denoiser()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
mse = nn.MSELoss()
batch_size = 50
for epoch in range(4):
    net.train()
    perm = torch.randperm(len(clean_train))
    for i in range(0, len(perm), batch_size):
        clean = clean_train[perm[i : i + batch_size]]
        noisy = clean + SIGMA * torch.randn_like(clean)
        denoised = net(noisy)
        loss = mse(denoised, clean)
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        restored = net(noisy_test)
        score = psnr(restored, clean_test)
    print(epoch, "loss", round(loss.item(), 5), "psnr", round(score.item(), 3))
"""

SEGMENT = """import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


def make_scene(rng, size=24):
    yy, xx = np.mgrid[:size, :size]
    image = rng.normal(90, 25, (size, size, 3)) + rng.uniform(-30, 30, 3)
    mask = np.zeros((size, size), dtype=np.uint8)
    for _ in range(rng.integers(1, 3)):
        cy, cx = rng.uniform(4, size - 4, 2)
        r = rng.uniform(3, 6)
        disc = (yy - cy) ** 2 + (xx - cx) ** 2 < r**2
        image[disc] += rng.uniform(35, 70, 3)
        mask[disc] = 1
    return np.clip(image, 0, 255).astype(np.uint8), mask


class ScenesDataset(Dataset):
    mean = np.array([0.39, 0.39, 0.39], dtype=np.float32)
    std = np.array([0.16, 0.16, 0.16], dtype=np.float32)

    def __init__(self, scenes, augment=False):
        self.scenes = scenes
        self.augment = augment

    def __len__(self):
        return len(self.scenes)

    def __getitem__(self, i):
        image, mask = self.scenes[i]
        image = (image.astype(np.float32) / 255.0 - self.mean) / self.std
        image = torch.from_numpy(image).permute(2, 0, 1)
        mask = torch.from_numpy(mask).float().unsqueeze(0)
        if self.augment:
            if random.random() < 0.5:
                image, mask = image.flip(-1), mask.flip(-1)
            if random.random() < 0.5:
                image, mask = image.flip(-2), mask.flip(-2)
        return image, mask


def double_conv(cin, cout):
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, padding=1, bias=False),
        nn.BatchNorm2d(cout),
        nn.ReLU(inplace=True),
        nn.Conv2d(cout, cout, 3, padding=1, bias=False),
        nn.BatchNorm2d(cout),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc1 = double_conv(3, 8)
        self.enc2 = double_conv(8, 16)
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.dec1 = double_conv(16, 8)
        self.head = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        e1 = self.enc1(x)
        e2 = self.enc2(self.pool(e1))
        d1 = self.dec1(torch.cat([self.up(e2), e1], dim=1))
        return self.head(d1)


def dice_loss(logits, target, eps=1.0):
    probs = torch.sigmoid(logits)
    inter = (probs * target).sum(dim=(1, 2, 3))
    union = probs.sum(dim=(1, 2, 3)) + target.sum(dim=(1, 2, 3))
    return (1 - (2 * inter + eps) / (union + eps)).mean()


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    inter, union = 0, 0
    for images, masks in loader:
        preds = torch.sigmoid(model(images)) > 0.5
        truth = masks > 0.5
        inter += (preds & truth).sum().item()
        union += (preds | truth).sum().item()
    return inter / max(union, 1)


def main():
    random.seed(0)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    scenes = [make_scene(rng) for _ in range(280)]
    train_ds = ScenesDataset(scenes[:220], augment=True)
    val_ds = ScenesDataset(scenes[220:])
    train_loader = DataLoader(train_ds, batch_size=16, shuffle=True)
    val_loader = DataLoader(val_ds, batch_size=16)
    model = UNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-4)
    epochs = 5
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for images, masks in train_loader:
            logits = model(images)
            loss = F.binary_cross_entropy_with_logits(logits, masks) + dice_loss(logits, masks)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
        scheduler.step()
        iou = evaluate(model, val_loader)
        print(f"[{epoch}] loss={total / len(train_ds):.4f} val_iou={iou:.4f}")


if __name__ == "__main__":
    main()
"""

TRANSFER = """import copy
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)
SIZE = 16
NAMES = ["square", "cross", "bars", "ring"]


def stamp(kind):
    s = torch.zeros(7, 7)
    if kind == 0:
        s[1:6, 1:6] = 1
    elif kind == 1:
        s[3, :] = 1
        s[:, 3] = 1
    elif kind == 2:
        s[::2] = 1
    else:
        s[1:6, 1:6] = 1
        s[2:5, 2:5] = 0
    return s


def render(kinds):
    picture = 0.15 * torch.rand(3, SIZE, SIZE)
    for kind in kinds:
        top, left = torch.randint(0, SIZE - 7, (2,)).tolist()
        colour = 0.5 + 0.5 * torch.rand(3, 1, 1)
        picture[:, top : top + 7, left : left + 7] += stamp(kind) * colour
    return picture.clamp(0, 1)


# stage 1: one shape a picture, four classes
y_src = torch.randint(0, 4, (800,))
x_src = torch.stack([render([int(k)]) for k in y_src])
mean, std = x_src.mean(dim=(0, 2, 3)), x_src.std(dim=(0, 2, 3))


def normalize(x):
    return (x - mean[None, :, None, None]) / std[None, :, None, None]


# stage 2: any of the shapes, several labels
y_all = (torch.rand(400, 4) < 0.4).float()
x_all = torch.stack([render([k for k in range(4) if row[k]]) for row in y_all])
x_train, y_train, x_test, y_test = x_all[:280], y_all[:280], x_all[280:], y_all[280:]


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2))
        self.block2 = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU())
        self.block3 = nn.Sequential(nn.Conv2d(32, 48, 3, padding=1, bias=False), nn.BatchNorm2d(48), nn.ReLU())

    def forward(self, x):
        return F.adaptive_max_pool2d(self.block3(self.block2(self.block1(x))), 1).flatten(1)


class Classifier(nn.Module):
    def __init__(self, backbone, n_out):
        super().__init__()
        self.backbone = backbone
        self.fc = nn.Linear(48, n_out)

    def forward(self, x):
        return self.fc(self.backbone(x))


source = Classifier(Backbone(), 4)
opt_src = torch.optim.Adam(source.parameters(), lr=3e-3)
src_loader = DataLoader(TensorDataset(normalize(x_src), y_src), batch_size=50, shuffle=True)
source.train()
for epoch in range(3):
    for xb, yb in src_loader:
        loss = F.cross_entropy(source(xb), yb)
        opt_src.zero_grad()
        loss.backward()
        opt_src.step()

net = Classifier(source.backbone, len(NAMES))
train_loader = DataLoader(TensorDataset(normalize(x_train), y_train), batch_size=20, shuffle=True)
test_loader = DataLoader(TensorDataset(normalize(x_test), y_test), batch_size=40)
optimizer = torch.optim.Adam(
    [{"params": net.backbone.parameters(), "lr": 5e-4}, {"params": net.fc.parameters(), "lr": 5e-3}]
)
bce = nn.BCEWithLogitsLoss()


def test():
    net.eval()
    tp = fp = fn = 0
    with torch.no_grad():
        for xt, yt in test_loader:
            guess = (torch.sigmoid(net(xt)) > 0.5).float()
            tp += (guess * yt).sum().item()
            fp += (guess * (1 - yt)).sum().item()
            fn += ((1 - guess) * yt).sum().item()
    return 2 * tp / max(2 * tp + fp + fn, 1)


for epoch in range(8):
    net.train()
    for xt, yt in train_loader:
        scores = net(xt)
        target_loss = bce(scores, yt)
        optimizer.zero_grad()
        target_loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", target_loss.item(), "f1", test())
"""

RIGHT: list[tuple[str, Patch]] = [
    (DIGITS, ()),
    (VAE, ()),
    (DENOISE, ()),
    (SEGMENT, ()),
    (TRANSFER, ()),
    # the classifier: other losses, preparations, schedules, loops and metrics
    (DIGITS, (("criterion = nn.CrossEntropyLoss()", "criterion = nn.CrossEntropyLoss(label_smoothing=0.1)"),)),
    (
        DIGITS,
        (
            ("return self.fc2(x)", "return F.log_softmax(self.fc2(x), dim=1)"),
            ("criterion = nn.CrossEntropyLoss()", "criterion = nn.NLLLoss()"),
        ),
    ),
    (
        DIGITS,
        (
            (
                "        outputs = model(inputs)\n        loss = criterion(outputs, labels)\n",
                "        lam = np.random.beta(0.2, 0.2)\n        index = torch.randperm(inputs.size(0))\n"
                "        mixed = lam * inputs + (1 - lam) * inputs[index]\n        outputs = model(mixed)\n"
                "        loss = lam * criterion(outputs, labels) + (1 - lam) * criterion(outputs, labels[index])\n",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "train_loader = DataLoader(DigitsDataset(x_train, y_train, train_transform), batch_size=BATCH_SIZE, shuffle=True)",
                "from torch.utils.data import default_collate\ncutmix = v2.CutMix(num_classes=10)\n"
                "train_loader = DataLoader(DigitsDataset(x_train, y_train, train_transform), batch_size=BATCH_SIZE, shuffle=True,"
                " collate_fn=lambda b: cutmix(*default_collate(b)))",
            ),
            ("(outputs.argmax(dim=1) == labels)", "(outputs.argmax(dim=1) == labels.argmax(dim=1))"),
        ),
    ),
    (
        DIGITS,
        (
            (
                "        if self.transform:\n            img = self.transform(img)\n",
                "        if self.transform:\n            img = self.transform(img)\n"
                "            if self.transform is train_transform and np.random.rand() < 0.5:\n"
                "                r, c = np.random.randint(0, 6, 2)\n                img[:, r:r + 2, c:c + 2] = 0.0\n",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=LR, epochs=EPOCHS, steps_per_epoch=len(train_loader))",
                "scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)",
            ),
            ("        scheduler.step()\n", ""),
            ("    val_loss, val_acc = validate()\n", "    val_loss, val_acc = validate()\n    scheduler.step()\n"),
        ),
    ),
    (
        DIGITS,
        (
            (
                "scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=LR, epochs=EPOCHS, steps_per_epoch=len(train_loader))",
                "warm = 20\nscheduler = optim.lr_scheduler.SequentialLR(optimizer, ["
                "optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=warm), "
                "optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * len(train_loader) - warm)], milestones=[warm])",
            ),
            (
                "optim.Adam(model.parameters(), lr=LR)",
                "optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=LR, epochs=EPOCHS, steps_per_epoch=len(train_loader))",
                "scheduler = optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=24)",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=LR, epochs=EPOCHS, steps_per_epoch=len(train_loader))",
                "scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode='max', factor=0.5, patience=1)",
            ),
            ("        scheduler.step()\n", ""),
            (
                "    val_loss, val_acc = validate()\n",
                "    val_loss, val_acc = validate()\n    scheduler.step(val_acc)\n",
            ),
        ),
    ),
    (
        DIGITS,
        (
            ("nn.BatchNorm2d(16)", "nn.GroupNorm(4, 16)"),
            ("nn.BatchNorm2d(32)", "nn.GroupNorm(8, 32)"),
            ("BATCH_SIZE = 64", "BATCH_SIZE = 8"),
            ("EPOCHS = 6", "EPOCHS = 2"),
        ),
    ),
    (
        DIGITS,
        (
            ("    v2.Normalize(mean=[MEAN], std=[STD]),\n])\nval", "])\nval"),
            ("val_transform = v2.Compose([v2.Normalize(mean=[MEAN], std=[STD])])", "val_transform = None"),
        ),
    ),
    (
        DIGITS,
        (
            ("    v2.Normalize(mean=[MEAN], std=[STD]),\n])\nval", "])\nval"),
            ("val_transform = v2.Compose([v2.Normalize(mean=[MEAN], std=[STD])])", "val_transform = None"),
            ("self.images[idx] / 16.0", "self.images[idx]"),
            ("self.conv1 = nn.Conv2d", "self.bn0 = nn.BatchNorm2d(1)\n        self.conv1 = nn.Conv2d"),
            ("self.conv1(x)", "self.conv1(self.bn0(x))"),
        ),
    ),
    (
        DIGITS,
        (
            (
                "val_loader = DataLoader(DigitsDataset(x_val, y_val, val_transform), batch_size=BATCH_SIZE, shuffle=False)",
                "val_loader = DataLoader(DigitsDataset(x_val, y_val, val_transform), batch_size=256, shuffle=True)",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "batch_size=BATCH_SIZE, shuffle=True)",
                "batch_size=BATCH_SIZE, sampler=torch.utils.data.WeightedRandomSampler("
                "(1.0 / np.bincount(y_train))[y_train], len(y_train)))",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "    for inputs, labels in train_loader:\n        optimizer.zero_grad()\n",
                "    optimizer.zero_grad()\n    for step, (inputs, labels) in enumerate(train_loader):\n",
            ),
            (
                "        loss.backward()\n        optimizer.step()\n        scheduler.step()\n",
                "        (loss / 2).backward()\n        if (step + 1) % 2 == 0:\n            optimizer.step()\n"
                "            optimizer.zero_grad()\n        scheduler.step()\n",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "    return val_loss / val_total, val_correct / val_total\n",
                "    from sklearn.metrics import accuracy_score, confusion_matrix\n    guesses, truth = [], []\n"
                "    with torch.no_grad():\n        for images, targets in val_loader:\n"
                "            guesses += model(images).argmax(1).tolist()\n            truth += targets.tolist()\n"
                "    cm = confusion_matrix(truth, guesses)\n    assert abs(cm.trace() / cm.sum() - accuracy_score(truth, guesses)) < 1e-9\n"
                "    return val_loss / val_total, cm.trace() / cm.sum()\n",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "optimizer = optim",
                "ema = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9), use_buffers=True)\noptimizer = optim",
            ),
            ("        scheduler.step()\n", "        scheduler.step()\n        ema.update_parameters(model)\n"),
            ("    model.eval()\n", "    ema.eval()\n"),
            ("logits = model(images)", "logits = ema(images)"),
        ),
    ),
    (
        DIGITS,
        (
            (
                "for epoch in range(EPOCHS):\n",
                "import copy\nbest_acc, best_state = 0.0, None\nfor epoch in range(EPOCHS):\n",
            ),
            (
                "    val_loss, val_acc = validate()\n",
                "    val_loss, val_acc = validate()\n    if val_acc > best_acc:\n"
                "        best_acc, best_state = val_acc, copy.deepcopy(model.state_dict())\n",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "            logits = model(images)\n",
                "            logits = (model(images) + model(images.roll(1, -1)) + model(images.roll(-1, -1))) / 3\n",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "self.fc1 = nn.Linear(32 * 2 * 2, 64)",
                "self.se = nn.Sequential(nn.Linear(32, 8), nn.ReLU(), nn.Linear(8, 32), nn.Sigmoid())\n        self.fc1 = nn.Linear(32 * 2 * 2, 64)",
            ),
            (
                "        x = torch.flatten(x, 1)\n",
                "        x = x * self.se(x.mean(dim=(2, 3)))[:, :, None, None]\n        x = torch.flatten(x, 1)\n",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "self.fc1 = nn.Linear(32 * 2 * 2, 64)",
                "self.conv3 = nn.Conv2d(32, 32, 3, padding=1, bias=False)\n        self.bn3 = nn.BatchNorm2d(32)\n        nn.init.zeros_(self.bn3.weight)\n        self.fc1 = nn.Linear(32 * 2 * 2, 64)",
            ),
            (
                "        x = torch.flatten(x, 1)\n",
                "        x = F.relu(x + self.bn3(self.conv3(x)))\n        x = torch.flatten(x, 1)\n",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "img = torch.tensor(self.images[idx] / 16.0, dtype=torch.float32).unsqueeze(0)",
                "img = torch.tensor(self.images[idx] / 16.0, dtype=torch.float32).unsqueeze(0).repeat(3, 1, 1)",
            ),
            ("nn.Conv2d(1, 16", "nn.Conv2d(3, 16"),
            ("mean=[MEAN], std=[STD]", "mean=[MEAN] * 3, std=[STD] * 3"),
        ),
    ),
    (
        DIGITS,
        (
            (
                "torch.tensor(self.images[idx] / 16.0, dtype=torch.float32).unsqueeze(0)",
                "v2.functional.to_dtype(v2.functional.to_image((self.images[idx] * 15).astype(np.uint8)), torch.float32, scale=True)",
            ),
        ),
    ),
    (
        DIGITS,
        (
            ("running_loss += loss.item() * inputs.size(0)", "running_loss += loss.item() * len(labels)"),
            (
                "loss = criterion(outputs, labels)",
                "onehot = F.one_hot(labels, 10).float(); loss = -(onehot * F.log_softmax(outputs, 1)).sum(1).mean()",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "x_train, x_val, y_train, y_val = train_test_split(\n    digits.images, digits.target, test_size=0.25, random_state=42, stratify=digits.target\n)",
                "from sklearn.model_selection import StratifiedKFold\ntr, va = next(StratifiedKFold(4, shuffle=True, random_state=0).split(digits.images, digits.target))\nx_train, x_val, y_train, y_val = digits.images[tr], digits.images[va], digits.target[tr], digits.target[va]",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "    v2.RandomAffine(degrees=8, translate=(0.08, 0.08)),\n",
                "    v2.RandomCrop(8, padding=1),\n    v2.ColorJitter(brightness=0.2, contrast=0.2),\n",
            ),
            (
                "    v2.Normalize(mean=[MEAN], std=[STD]),\n])\nval",
                "    v2.Normalize(mean=[MEAN], std=[STD]),\n    v2.RandomErasing(p=0.2, scale=(0.02, 0.1)),\n])\nval",
            ),
        ),
    ),
    (
        DIGITS,
        (
            (
                "        x = self.dropout(F.relu(self.fc1(x)))\n",
                "        x = F.dropout(F.relu(self.fc1(x)), p=0.25, training=self.training)\n",
            ),
            (
                "optim.Adam(model.parameters(), lr=LR)",
                "optim.AdamW([{'params': [p for n, p in model.named_parameters() if p.ndim > 1], 'weight_decay': 0.05}, {'params': [p for n, p in model.named_parameters() if p.ndim <= 1], 'weight_decay': 0.0}], lr=LR)",
            ),
        ),
    ),
    (
        DIGITS,
        (
            ("self.fc1 = nn.Linear(32 * 2 * 2, 64)", "self.fc1 = nn.LazyLinear(64)"),
            ("model = ConvNet()", "model = ConvNet()\nmodel(torch.zeros(2, 1, 8, 8))"),
        ),
    ),
    (
        DIGITS,
        (
            (
                "        loss.backward()\n",
                "        loss.backward()\n        grad_norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)\n",
            ),
            (
                "            val_correct += (logits.argmax(dim=1) == targets).sum().item()\n",
                "            val_correct += np.sum(np.argmax(logits.numpy(), axis=1) == targets.numpy())\n",
            ),
        ),
    ),
    # the variational auto-encoder
    (VAE, (("        if not self.training:\n            return mu\n", ""),)),
    (
        VAE,
        (
            ("/ x.size(0)\n", "\n"),
            ("train_loss += loss.item() * len(x)", "train_loss += loss.item()"),
            (".item() * len(xt)", ".item()"),
        ),
    ),
    (VAE, (('F.binary_cross_entropy(recon, x, reduction="sum")', 'F.mse_loss(recon, x, reduction="sum") * 5'),)),
    (
        VAE,
        (
            ("return torch.sigmoid(self.decoder(h))", "return self.decoder(h)"),
            ("F.binary_cross_entropy(recon, x", "F.binary_cross_entropy_with_logits(recon, x"),
        ),
    ),
    (
        VAE,
        (
            (
                "    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())\n",
                "    q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))\n"
                "    kld = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum()\n",
            ),
            (
                "        std = torch.exp(0.5 * logvar)\n        return mu + std * torch.randn_like(std)\n",
                "        return torch.distributions.Normal(mu, torch.exp(0.5 * logvar)).rsample()\n",
            ),
        ),
    ),
    (VAE, (("    model.train()\n", "    model.train()\n    cfg['beta'] = min(1.0, epoch / 4)\n"),)),
    (
        VAE,
        (
            (
                "    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())\n",
                "    per_dim = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).mean(0)\n    kld = x.size(0) * torch.clamp(per_dim, min=0.05).sum()\n",
            ),
        ),
    ),
    (
        VAE,
        (
            ("self.fc_mu(h), self.fc_logvar(h)", "self.fc_mu(h), self.fc_logvar(h).clamp(-8, 4)"),
            (
                "F.relu(self.fc_dec(z)).view(-1, 32, 4, 4)",
                "self.fc_dec(z).relu().unflatten(1, (32, 4, 4))",
            ),
        ),
    ),
    (
        VAE,
        (
            ("        if not self.training:\n            return mu\n", "        return mu\n"),
            ('cfg["beta"] * kld', "1e-3 * mu.pow(2).sum()"),
        ),
    ),
    (
        VAE,
        (
            (
                "    test_loss = 0\n",
                "    test_loss = 0\n    with torch.no_grad():\n        sample = model.decode(torch.randn(16, cfg['latent']))\n        grid = sample.view(4, 4, 16, 16).permute(0, 2, 1, 3).reshape(64, 64)\n        assert grid.max() <= 1\n",
            ),
        ),
    ),
    (
        VAE,
        (("data = make_ellipses(1500)", "data = (torch.rand(1500, 1, 16, 16) < make_ellipses(1500)).float()"),),
    ),
    # the denoiser
    (DENOISE, (("return self.out(torch.cat([a, c], dim=1))", "return x - self.out(torch.cat([a, c], dim=1))"),)),
    (DENOISE, (("loss = mse(denoised, clean)", "loss = mse(denoised, clean + SIGMA * torch.randn_like(clean))"),)),
    (
        DENOISE,
        (("return self.out(torch.cat([a, c], dim=1))", "return torch.sigmoid(self.out(torch.cat([a, c], dim=1)))"),),
    ),
    (DENOISE, (("loss = mse(denoised, clean)", "loss = torch.sqrt((denoised - clean) ** 2 + 1e-6).mean()"),)),
    (
        DENOISE,
        (
            (
                "loss = mse(denoised, clean)",
                "tv = (denoised[..., 1:] - denoised[..., :-1]).abs().mean() + (denoised[..., 1:, :] - denoised[..., :-1, :]).abs().mean(); loss = mse(denoised, clean) + 0.01 * tv",
            ),
        ),
    ),
    (
        DENOISE,
        (
            ("noisy = clean + SIGMA * torch.randn_like(clean)", "noisy = clean * (torch.rand_like(clean) > 0.3)"),
            (
                "noisy_test = clean_test + SIGMA * torch.randn(clean_test.shape)",
                "noisy_test = clean_test * (torch.rand(clean_test.shape) > 0.3)",
            ),
        ),
    ),
    (
        DENOISE,
        (
            (
                "noisy = clean + SIGMA * torch.randn_like(clean)",
                "sigma = torch.empty(len(clean), 1, 1, 1).uniform_(0.1, 0.5); noisy = (clean + sigma * torch.randn_like(clean)).clamp(0, 1)",
            ),
            (
                "noisy_test = clean_test + SIGMA * torch.randn(clean_test.shape)",
                "noisy_test = (clean_test + SIGMA * torch.randn(clean_test.shape)).clamp(0, 1)",
            ),
            ("restored = net(noisy_test)", "restored = net(noisy_test).clamp(0, 1)"),
        ),
    ),
    (
        DENOISE,
        (
            (
                "        denoised = net(noisy)\n",
                "        if torch.rand(()) < 0.5:\n            noisy, clean = noisy.transpose(2, 3), clean.transpose(2, 3)\n        denoised = net(noisy)\n",
            ),
        ),
    ),
    (
        DENOISE,
        (
            (
                "score = psnr(restored, clean_test)",
                "err = (restored.numpy() - clean_test.numpy()).reshape(len(clean_test), -1); score = np.mean(-10 * np.log10((err ** 2).mean(1) + 1e-12))",
            ),
            ("score.item()", "float(score)"),
        ),
    ),
    (
        DENOISE,
        (
            ('self.up = nn.Upsample(scale_factor=2, mode="nearest")', "self.up = nn.PixelShuffle(2)"),
            ("nn.Conv2d(ch * 2, ch, 3, padding=1)", "nn.Conv2d(ch // 2, ch, 3, padding=1)"),
        ),
    ),
    # the segmentation
    (
        SEGMENT,
        (
            (
                "loss = F.binary_cross_entropy_with_logits(logits, masks) + dice_loss(logits, masks)",
                "loss = dice_loss(logits, masks)",
            ),
        ),
    ),
    (
        SEGMENT,
        (
            (
                "loss = F.binary_cross_entropy_with_logits(logits, masks) + dice_loss(logits, masks)",
                "loss = F.binary_cross_entropy_with_logits(logits, masks, pos_weight=torch.tensor([3.0]))",
            ),
        ),
    ),
    (
        SEGMENT,
        (
            (
                "loss = F.binary_cross_entropy_with_logits(logits, masks) + dice_loss(logits, masks)",
                "p = torch.sigmoid(logits); pt = torch.where(masks > 0.5, p, 1 - p); loss = (-(1 - pt) ** 2 * torch.log(pt.clamp_min(1e-6))).mean() * 4",
            ),
        ),
    ),
    (
        SEGMENT,
        (
            ("self.head = nn.Conv2d(8, 1, 1)", "self.head = nn.Conv2d(8, 2, 1)"),
            (
                "loss = F.binary_cross_entropy_with_logits(logits, masks) + dice_loss(logits, masks)",
                "loss = F.cross_entropy(logits, masks)",
            ),
            ("torch.from_numpy(mask).float().unsqueeze(0)", "torch.from_numpy(mask).long()"),
            (
                "preds = torch.sigmoid(model(images)) > 0.5\n        truth = masks > 0.5",
                "preds = model(images).argmax(1) == 1\n        truth = masks == 1",
            ),
        ),
    ),
    (
        SEGMENT,
        (
            (
                "            if random.random() < 0.5:\n                image, mask = image.flip(-1), mask.flip(-1)\n            if random.random() < 0.5:\n                image, mask = image.flip(-2), mask.flip(-2)\n",
                "            k = random.randrange(4)\n            image, mask = torch.rot90(image, k, (1, 2)), torch.rot90(mask, k, (1, 2))\n",
            ),
        ),
    ),
    (
        SEGMENT,
        (
            (
                "            if random.random() < 0.5:\n                image, mask = image.flip(-1), mask.flip(-1)\n            if random.random() < 0.5:\n                image, mask = image.flip(-2), mask.flip(-2)\n",
                "            both = torch.cat([image, mask])\n            i, j = random.randrange(5), random.randrange(5)\n"
                "            both = both[:, i:i + 20, j:j + 20]\n            image, mask = both[:3], both[3:]\n",
            ),
        ),
    ),
    (
        SEGMENT,
        (
            (
                "            if random.random() < 0.5:\n                image, mask = image.flip(-1), mask.flip(-1)\n            if random.random() < 0.5:\n                image, mask = image.flip(-2), mask.flip(-2)\n",
                "            from torchvision import tv_tensors\n            from torchvision.transforms import v2\n"
                "            image, mask = v2.Compose([v2.RandomHorizontalFlip(0.5), v2.RandomVerticalFlip(0.5)])(tv_tensors.Image(image), tv_tensors.Mask(mask))\n",
            ),
        ),
    ),
    (
        SEGMENT,
        (
            (
                "image = (image.astype(np.float32) / 255.0 - self.mean) / self.std\n",
                "image = image.astype(np.float32)\n        image = (image - image.mean()) / (image.std() + 1e-6)\n",
            ),
        ),
    ),
    (
        SEGMENT,
        (
            (
                "        preds = torch.sigmoid(model(images)) > 0.5\n        truth = masks > 0.5\n        inter += (preds & truth).sum().item()\n        union += (preds | truth).sum().item()\n",
                "        preds = (model(images).numpy() > 0)\n        truth = masks.numpy().astype(bool)\n        inter += np.logical_and(preds, truth).sum()\n        union += np.logical_or(preds, truth).sum()\n",
            ),
        ),
    ),
    (
        SEGMENT,
        (
            (
                "        inter += (preds & truth).sum().item()\n        union += (preds | truth).sum().item()\n",
                "        i = (preds & truth).flatten(1).sum(1)\n        u = (preds | truth).flatten(1).sum(1)\n        inter += (i / u.clamp_min(1)).sum().item()\n        union += len(images)\n",
            ),
        ),
    ),
    (
        SEGMENT,
        (
            (
                "self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)",
                'self.up = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False), nn.Conv2d(16, 8, 1))',
            ),
            ("nn.ReLU(inplace=True),\n    )", "nn.ReLU(inplace=True),\n        nn.Dropout2d(0.05),\n    )"),
        ),
    ),
    (
        SEGMENT,
        (
            ("return self.head(d1)", "return torch.sigmoid(self.head(d1))"),
            ("F.binary_cross_entropy_with_logits(logits, masks)", "F.binary_cross_entropy(logits, masks)"),
            ("probs = torch.sigmoid(logits)", "probs = logits"),
            ("torch.sigmoid(model(images)) > 0.5", "model(images) > 0.5"),
        ),
    ),
    (
        SEGMENT,
        (
            (
                "        scheduler.step()\n",
                "        scheduler.step()\n        pixel_right = pixels = 0\n        model.eval()\n        with torch.no_grad():\n            for images, masks in val_loader:\n"
                "                pixel_right += ((model(images) > 0) == (masks > 0.5)).sum().item()\n                pixels += masks.numel()\n        print('pixel accuracy', pixel_right / pixels)\n",
            ),
        ),
    ),
    # the backbone on its second task
    (
        TRANSFER,
        (
            (
                "net = Classifier(source.backbone, len(NAMES))\n",
                "net = Classifier(source.backbone, len(NAMES))\nfor p in net.backbone.parameters():\n    p.requires_grad = False\n",
            ),
            ("    net.train()\n", "    net.train()\n    net.backbone.eval()\n"),
            (
                '    [{"params": net.backbone.parameters(), "lr": 5e-4}, {"params": net.fc.parameters(), "lr": 5e-3}]\n',
                "    (p for p in net.parameters() if p.requires_grad), lr=1e-2\n",
            ),
        ),
    ),
    (
        TRANSFER,
        (
            (
                "for epoch in range(8):\n    net.train()\n",
                "for p in net.backbone.parameters():\n    p.requires_grad_(False)\nfor epoch in range(8):\n    if epoch == 3:\n        for p in net.backbone.parameters():\n            p.requires_grad_(True)\n    net.train()\n",
            ),
        ),
    ),
    (
        TRANSFER,
        (
            (
                "train_loader = DataLoader(TensorDataset(normalize(x_train), y_train), batch_size=20, shuffle=True)\ntest_loader = DataLoader(TensorDataset(normalize(x_test), y_test), batch_size=40)\n",
                "net.backbone.eval()\nwith torch.no_grad():\n    f_train, f_test = net.backbone(normalize(x_train)), net.backbone(normalize(x_test))\n"
                "train_loader = DataLoader(TensorDataset(f_train, y_train), batch_size=20, shuffle=True)\ntest_loader = DataLoader(TensorDataset(f_test, y_test), batch_size=40)\n",
            ),
            (
                '    [{"params": net.backbone.parameters(), "lr": 5e-4}, {"params": net.fc.parameters(), "lr": 5e-3}]\n',
                "    net.fc.parameters(), lr=1e-2\n",
            ),
            ("net(xt)", "net.fc(xt)"),
        ),
    ),
    (
        TRANSFER,
        (
            (
                "    return 2 * tp / max(2 * tp + fp + fn, 1)\n",
                "    from sklearn.metrics import average_precision_score, f1_score\n    with torch.no_grad():\n        probs = torch.cat([torch.sigmoid(net(xt)) for xt, _ in test_loader]).numpy()\n"
                "    print('mAP', average_precision_score(y_test.numpy(), probs, average='macro'))\n    return f1_score(y_test.numpy(), probs > 0.5, average='micro')\n",
            ),
        ),
    ),
    (TRANSFER, (("bce = nn.BCEWithLogitsLoss()", "bce = nn.MultiLabelSoftMarginLoss()"),)),
    (
        TRANSFER,
        (
            (
                "target_loss = bce(scores, yt)",
                "p = torch.sigmoid(scores); pos = yt * torch.log(p.clamp(min=1e-8)); neg = (1 - yt) * torch.log((1 - p).clamp(min=1e-8)) * (p - 0.05).clamp(min=0) ** 2; target_loss = -(pos + neg).sum(1).mean()",
            ),
        ),
    ),
    (
        TRANSFER,
        (
            (
                "net = Classifier(source.backbone, len(NAMES))\n",
                "net = Classifier(Backbone(), len(NAMES))\nstate = {k: v for k, v in source.state_dict().items() if not k.startswith('fc.')}\nmissing = net.load_state_dict(state, strict=False)\nassert missing.missing_keys == ['fc.weight', 'fc.bias']\n",
            ),
        ),
    ),
    (
        TRANSFER,
        (
            (
                "net = Classifier(source.backbone, len(NAMES))\n",
                "teacher = copy.deepcopy(source).eval().requires_grad_(False)\nnet = Classifier(copy.deepcopy(source.backbone), len(NAMES))\n",
            ),
            (
                "target_loss = bce(scores, yt)",
                "with torch.no_grad():\n            reference = teacher.backbone(xt)\n        target_loss = bce(scores, yt) + 0.01 * F.mse_loss(net.backbone(xt), reference)",
            ),
        ),
    ),
    (
        TRANSFER,
        (
            (
                "    for xt, yt in train_loader:\n        scores = net(xt)\n",
                "    for xt, yt in train_loader:\n        if torch.rand(1).item() < 0.5:\n            xt = torch.flip(xt, dims=[3])\n        scores = net(xt)\n",
            ),
        ),
    ),
    (
        TRANSFER,
        (
            (
                "    net.train()\n",
                "    net.train()\n    for m in net.modules():\n        if isinstance(m, nn.BatchNorm2d):\n            m.eval()\n",
            ),
            (
                "bce = nn.BCEWithLogitsLoss()",
                "bce = nn.BCEWithLogitsLoss(pos_weight=(1 - y_train).sum(0) / y_train.sum(0))",
            ),
        ),
    ),
    (
        TRANSFER,
        (
            (
                "    tp = fp = fn = 0\n",
                "    exact = bits = seen = 0\n    with torch.no_grad():\n        for xt, yt in test_loader:\n            guess = net(xt) > 0\n            exact += (guess == yt.bool()).all(1).sum().item()\n"
                "            bits += (guess == yt.bool()).sum().item()\n            seen += len(yt)\n    print('exact match', exact / seen, 'hamming', bits / seen / 4)\n    tp = fp = fn = 0\n",
            ),
        ),
    ),
]

ONE_CYCLE = (
    "scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=LR, epochs=EPOCHS, steps_per_epoch=len(train_loader))"
)
BOTH = "loss = F.binary_cross_entropy_with_logits(logits, masks) + dice_loss(logits, masks)"
SPLIT = "x_train, x_val, y_train, y_val = train_test_split(\n    digits.images, digits.target, test_size=0.25, random_state=42, stratify=digits.target\n)"
FLIPS = "            if random.random() < 0.5:\n                image, mask = image.flip(-1), mask.flip(-1)\n            if random.random() < 0.5:\n                image, mask = image.flip(-2), mask.flip(-2)\n"
GROUPS = '    [{"params": net.backbone.parameters(), "lr": 5e-4}, {"params": net.fc.parameters(), "lr": 5e-3}]\n'
NO_NORM = (
    ("self.bn1 = nn.BatchNorm2d(16)", "self.bn1 = nn.Identity()"),
    ("self.bn2 = nn.BatchNorm2d(32)", "self.bn2 = nn.Identity()"),
)

WRONG: list[tuple[str, Patch, tuple[str, ...]]] = [
    # shapes
    (
        DIGITS,
        (
            ("return self.fc2(x)", "return F.log_softmax(self.fc2(x), dim=0)"),
            ("criterion = nn.CrossEntropyLoss()", "criterion = nn.NLLLoss()"),
        ),
        ("softmax-wrong-dim",),
    ),
    (
        DIGITS,
        (
            (
                "        loss = criterion(outputs, labels)\n",
                "        probs = torch.exp(outputs) / torch.exp(outputs).sum(dim=0)\n        loss = -torch.log(probs[range(len(labels)), labels] + 1e-9).mean()\n",
            ),
        ),
        ("softmax-wrong-dim",),
    ),
    (
        DENOISE,
        (("loss = mse(denoised, clean)", "loss = ((denoised - clean.squeeze(1)) ** 2).mean()"),),
        ("accidental-broadcast",),
    ),
    (
        SEGMENT,
        (
            ("torch.from_numpy(mask).float().unsqueeze(0)", "torch.from_numpy(mask).float()"),
            (BOTH, "loss = dice_loss(logits, masks)"),
            (".sum(dim=(1, 2, 3))", ".sum()"),
        ),
        ("accidental-broadcast",),
    ),
    (
        DIGITS,
        (("x = torch.flatten(x, 1)", "x = x.view(-1, 32)"), ("nn.Linear(32 * 2 * 2, 64)", "nn.Linear(32, 64)")),
        ("output-shape-mismatch", "examples-mixed"),
    ),
    (
        SEGMENT,
        (("self.head(d1)", "self.head(e2)"), ("self.head = nn.Conv2d(8, 1, 1)", "self.head = nn.Conv2d(16, 1, 1)")),
        ("output-shape-mismatch",),
    ),
    (
        VAE,
        (("F.relu(self.fc_dec(z)).view(-1, 32, 4, 4)", "F.relu(self.fc_dec(z)).view(32, -1, 4, 4).transpose(0, 1)"),),
        ("examples-mixed",),
    ),
    (
        DIGITS,
        (("    def forward(self, x):\n", "    def forward(self, x):\n        x = (x - x.mean()) / x.std()\n"),),
        ("examples-mixed",),
    ),
    (
        DIGITS,
        (("        x = torch.flatten(x, 1)\n", "        x = F.normalize(torch.flatten(x, 1), dim=0) * 10\n"),),
        ("examples-mixed",),
    ),
    (
        DIGITS,
        (
            (
                "self.fc1 = nn.Linear(32 * 2 * 2, 64)",
                "self.attn = nn.MultiheadAttention(32, 4)\n        self.fc1 = nn.Linear(32 * 2 * 2, 64)",
            ),
            (
                "        x = torch.flatten(x, 1)\n",
                "        t = x.flatten(2).transpose(1, 2)\n        x = t + self.attn(t, t, t)[0]\n        x = torch.flatten(x, 1)\n",
            ),
        ),
        ("examples-mixed",),
    ),
    (
        DIGITS,
        (
            ("nn.BatchNorm2d(16)", "nn.BatchNorm2d(16, track_running_stats=False)"),
            ("nn.BatchNorm2d(32)", "nn.BatchNorm2d(32, track_running_stats=False)"),
        ),
        ("examples-mixed", "train-mode-in-evaluation"),
    ),
    (
        SEGMENT,
        (
            ("return self.head(d1)", "return torch.softmax(self.head(d1), dim=1)"),
            ("F.binary_cross_entropy_with_logits(logits, masks)", "F.binary_cross_entropy(logits, masks)"),
            ("probs = torch.sigmoid(logits)", "probs = logits"),
            ("torch.sigmoid(model(images)) > 0.5", "model(images) > 0.5"),
        ),
        ("constant-output",),
    ),
    (
        DIGITS,
        (
            (
                "            img = self.transform(img)\n",
                "            img = self.transform(img)\n            img = (img > 20).float()\n",
            ),
        ),
        ("input-degenerate", "constant-output"),
    ),
    # inputs
    (
        DIGITS,
        (
            *NO_NORM,
            ("self.images[idx] / 16.0", "self.images[idx] * 16.0"),
            ("mean=[MEAN], std=[STD]", "mean=[0.0], std=[1.0]"),
        ),
        ("input-not-normalised",),
    ),
    (
        DENOISE,
        (("/ 16.0", "* 15.0"), ("SIGMA = 0.3", "SIGMA = 70.0"), ("torch.log10(1.0 /", "torch.log10(255.0**2 /")),
        ("input-not-normalised",),
    ),
    (
        DIGITS,
        (*NO_NORM, ("(x_train / 16.0).mean(), (x_train / 16.0).std()", "x_train.mean(), x_train.std()")),
        ("input-over-normalised",),
    ),
    (
        SEGMENT,
        (("(image.astype(np.float32) / 255.0 - self.mean) / self.std", "image.astype(np.float32) / 255.0 / 255.0"),),
        ("input-over-normalised",),
    ),
    (
        DENOISE,
        (
            ("imgs = imgs[rng.permutation", "imgs = imgs / 255.0\nimgs = imgs[rng.permutation"),
            ("SIGMA = 0.3", "SIGMA = 0.3 / 255"),
            ("torch.log10(1.0 /", "torch.log10(255.0**-2 /"),
        ),
        ("input-over-normalised",),
    ),
    (
        DIGITS,
        (
            (
                "MEAN, STD = ",
                "x_train, x_val = [16 * (a - x_train.mean(0)) / x_train.std(0) for a in (x_train, x_val)]\nMEAN, STD = ",
            ),
        ),
        ("input-not-finite",),
    ),
    (DIGITS, (("self.images[idx] / 16.0", "np.log(self.images[idx] / 16.0)"),), ("input-not-finite",)),
    (
        DIGITS,
        (
            (
                "torch.tensor(self.images[idx] / 16.0, dtype=torch.float32)",
                "torch.tensor(self.images[idx] / 16.0).long().float()",
            ),
        ),
        ("input-casting", "input-degenerate"),
    ),
    (DIGITS, (("self.images[idx] / 16.0", "(self.images[idx] * 32).astype(np.uint8) / 255.0"),), ("input-casting",)),
    (
        SEGMENT,
        (
            (
                "image = (image.astype(np.float32) / 255.0 - self.mean) / self.std",
                "image = (image - np.uint8(100)).astype(np.float32) / 40.0",
            ),
        ),
        ("input-casting",),
    ),
    (
        SEGMENT,
        (
            (
                "return np.clip(image, 0, 255).astype(np.uint8), mask",
                "return (image * 2).astype(np.int64).astype(np.uint8), mask",
            ),
        ),
        ("input-casting",),
    ),
    (
        DENOISE,
        (
            (
                "load_digits().images.astype(np.float32) / 16.0",
                "(load_digits().images / 16.0).astype(np.int32).astype(np.float32)",
            ),
        ),
        ("input-casting",),
    ),
    (DIGITS, (("self.images[idx] / 16.0", "self.images[0] / 16.0"),), ("input-degenerate",)),
    (
        DIGITS,
        (
            (
                "        return img, label\n",
                "        img = img.mean(dim=(1, 2), keepdim=True).expand(1, 8, 8).round()\n        return img, label\n",
            ),
        ),
        ("input-degenerate",),
    ),
    (
        DENOISE,
        (("noisy = clean + SIGMA * torch.randn_like(clean)", "noisy = SIGMA * torch.randn_like(clean)"),),
        ("input-ignored",),
    ),
    (
        VAE,
        (
            ("return mu + std * torch.randn_like(std)", "return torch.randn_like(std)"),
            ("            return mu\n", "            return torch.zeros_like(mu)\n"),
        ),
        ("input-ignored",),
    ),
    (
        SEGMENT,
        (("    def forward(self, x):\n", "    def forward(self, x):\n        x = torch.zeros_like(x)\n"),),
        ("input-ignored", "input-degenerate"),
    ),
    (TRANSFER, (("scores = net(xt)", "scores = net(torch.empty_like(xt).normal_())"),), ("input-ignored",)),
    (
        TRANSFER,
        (
            ("normalize(x_train)", "x_train * 255"),
            ("normalize(x_test)", "x_test * 255"),
            (
                "net = Classifier(source.backbone, len(NAMES))\n",
                "net = Classifier(source.backbone, len(NAMES))\nnet.backbone.requires_grad_(False)\n",
            ),
            ("    net.train()\n", "    net.train()\n    net.backbone.eval()\n"),
        ),
        ("pretrained-normalisation-mismatch", "input-not-normalised"),
    ),
    (
        TRANSFER,
        (("normalize(x_train)", "x_train"), ("normalize(x_test)", "x_test")),
        ("pretrained-normalisation-mismatch",),
    ),
    (
        DIGITS,
        (("val_transform = v2.Compose([v2.Normalize(mean=[MEAN], std=[STD])])", "val_transform = None"),),
        ("train-eval-preprocessing-differ",),
    ),
    (
        SEGMENT,
        (
            (
                "val_ds = ScenesDataset(scenes[220:])",
                "val_ds = ScenesDataset(scenes[220:])\n    val_ds.mean, val_ds.std = 0.0, 1.0 / 255",
            ),
        ),
        ("train-eval-preprocessing-differ",),
    ),
    (
        SEGMENT,
        (
            (
                "image = torch.from_numpy(image).permute(2, 0, 1)\n",
                "image = torch.from_numpy(image).permute(2, 0, 1)\n        if not self.augment:\n            image = image.clamp(0, 1)\n",
            ),
        ),
        ("train-eval-preprocessing-differ",),
    ),
    (TRANSFER, (("normalize(x_test)", "x_test"),), ("train-eval-preprocessing-differ",)),
    (
        DENOISE,
        (("restored = net(noisy_test)", "restored = net(noisy_test * 2 - 1)"),),
        ("train-eval-preprocessing-differ",),
    ),
    # labels
    (DIGITS, (("MEAN, STD = ", "np.random.shuffle(x_train)\nMEAN, STD = "),), ("labels-out-of-order",)),
    (
        DIGITS,
        (
            (
                SPLIT,
                "x_train, x_val = train_test_split(digits.images, test_size=0.25, random_state=1)\ny_train, y_val = train_test_split(digits.target, test_size=0.25, random_state=2)",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        DENOISE,
        (("denoised = net(noisy)\n", "denoised = net(noisy)\n        clean = clean_train[i : i + batch_size]\n"),),
        ("labels-out-of-order",),
    ),
    (
        SEGMENT,
        (
            (
                "    train_ds = ScenesDataset",
                "    images, masks = [s[0] for s in scenes], [s[1] for s in scenes]\n    images.sort(key=lambda a: a.tobytes())\n    scenes = list(zip(images, masks))\n    train_ds = ScenesDataset",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        TRANSFER,
        (
            (
                "train_loader = DataLoader(TensorDataset(normalize(x_train), y_train)",
                "x_train = x_train[torch.randperm(280)]\ntrain_loader = DataLoader(TensorDataset(normalize(x_train), y_train)",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (DIGITS, (("self.labels[idx], dtype", "self.labels[idx - 1], dtype"),), ("labels-out-of-order",)),
    (
        DIGITS,
        (
            (
                "MEAN, STD = ",
                "noise = np.random.rand(len(y_train)) < 0.35\ny_train = np.where(noise, np.random.randint(0, 10, len(y_train)), y_train)\nMEAN, STD = ",
            ),
        ),
        ("labels-corrupt",),
    ),
    (
        DIGITS,
        (("MEAN, STD = ", "y_train = y_train.copy()\ny_train[y_train == 9] = 4\nMEAN, STD = "),),
        ("labels-corrupt",),
    ),
    (
        DIGITS,
        (("        loss = criterion(outputs, labels)\n", "        loss = criterion(outputs, (labels + 1) % 10)\n"),),
        ("labels-corrupt",),
    ),
    (
        SEGMENT,
        (
            (
                "torch.from_numpy(mask).float().unsqueeze(0)\n        if self.augment:\n",
                "torch.from_numpy(mask).float().unsqueeze(0)\n        if self.augment:\n            mask = 1 - mask\n",
            ),
        ),
        ("labels-corrupt",),
    ),
    (
        SEGMENT,
        (("torch.from_numpy(mask).float().unsqueeze(0)", "torch.from_numpy(mask).float().unsqueeze(0) / 255.0"),),
        ("labels-corrupt", "single-class"),
    ),
    (
        SEGMENT,
        (("mask[disc] = 1", "mask[disc] = 255"), ("masks > 0.5", "masks > 127")),
        ("loss-target-mismatch", "label-out-of-range"),
    ),
    (DIGITS, (("self.labels[idx], dtype", "self.labels[idx] + 1, dtype"),), ("label-out-of-range",)),
    (DIGITS, (("num_classes=10", "num_classes=9"),), ("label-out-of-range",)),
    (
        SEGMENT,
        (
            ("self.head = nn.Conv2d(8, 1, 1)", "self.head = nn.Conv2d(8, 2, 1)"),
            (BOTH, "loss = F.cross_entropy(logits, masks)"),
            ("mask[disc] = 1", "mask[disc] = 255"),
            ("torch.from_numpy(mask).float().unsqueeze(0)", "torch.from_numpy(mask).long()"),
            (
                "preds = torch.sigmoid(model(images)) > 0.5\n        truth = masks > 0.5",
                "preds = model(images).argmax(1) == 1\n        truth = masks == 1",
            ),
        ),
        ("label-out-of-range",),
    ),
    (
        DIGITS,
        (
            (
                "label = torch.tensor(self.labels[idx], dtype=torch.long)",
                "label = F.one_hot(torch.tensor(self.labels[idx], dtype=torch.long), 10)",
            ),
        ),
        ("label-format-mismatch",),
    ),
    (DIGITS, (("dtype=torch.long", "dtype=torch.float32"),), ("label-format-mismatch",)),
    (
        SEGMENT,
        (("torch.from_numpy(mask).float().unsqueeze(0)", "torch.from_numpy(mask).long().unsqueeze(0)"),),
        ("label-format-mismatch",),
    ),
    (
        TRANSFER,
        (("bce(scores, yt)", "F.cross_entropy(scores, yt.long())"),),
        ("label-format-mismatch", "loss-target-mismatch"),
    ),
    (
        DIGITS,
        (
            (
                "MEAN, STD = ",
                "order = np.argsort(y_train)[:60]\nx_train, y_train = x_train[order], y_train[order]\nMEAN, STD = ",
            ),
        ),
        ("single-class",),
    ),
    (
        SEGMENT,
        (("torch.from_numpy(mask).float().unsqueeze(0)", "torch.from_numpy(mask == 255).float().unsqueeze(0)"),),
        ("single-class", "labels-corrupt"),
    ),
    (
        TRANSFER,
        (
            (
                "y_all = (torch.rand(400, 4) < 0.4).float()",
                "y_all = (torch.rand(400, 4) < 0.4).float()\nlabels = (y_all > 1).float()",
            ),
            ("x_all[280:], y_all[280:]", "x_all[280:], y_all[280:]\ny_train = labels[:280]"),
        ),
        ("single-class",),
    ),
    (
        DIGITS,
        (
            (
                "MEAN, STD = ",
                "order = np.argsort(y_train, kind='stable')\nx_train, y_train = x_train[order], y_train[order]\nMEAN, STD = ",
            ),
            ("batch_size=BATCH_SIZE, shuffle=True", "batch_size=BATCH_SIZE, shuffle=False"),
        ),
        ("data-not-shuffled",),
    ),
    (
        DIGITS,
        (("v2.RandomAffine(degrees=8, translate=(0.08, 0.08))", "v2.RandomRotation(180)"),),
        ("augmentation-breaks-labels",),
    ),
    (
        DIGITS,
        (("v2.RandomAffine(degrees=8, translate=(0.08, 0.08))", "v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()"),),
        ("augmentation-breaks-labels",),
    ),
    (
        SEGMENT,
        (
            ("image, mask = image.flip(-1), mask.flip(-1)", "image = image.flip(-1)"),
            ("image, mask = image.flip(-2), mask.flip(-2)", "image = image.flip(-2)"),
        ),
        ("augmentation-breaks-labels",),
    ),
    (
        SEGMENT,
        (
            (
                FLIPS,
                "            from torchvision.transforms import v2\n            crop = v2.RandomCrop(24, padding=6)\n            image, mask = crop(image), crop(mask)\n",
            ),
        ),
        ("augmentation-breaks-labels",),
    ),
    (
        DENOISE,
        (("denoised = net(noisy)", "denoised = net(noisy.flip(3) if torch.rand(1) < 0.5 else noisy)"),),
        ("augmentation-breaks-labels",),
    ),
    # loss
    (DIGITS, (("return self.fc2(x)", "return F.softmax(self.fc2(x), dim=1)"),), ("loss-expects-logits",)),
    (
        DIGITS,
        (
            (
                "self.fc2 = nn.Linear(64, num_classes)",
                "self.fc2 = nn.Sequential(nn.Linear(64, num_classes), nn.Sigmoid())",
            ),
        ),
        ("loss-expects-logits",),
    ),
    (SEGMENT, (("return self.head(d1)", "return torch.sigmoid(self.head(d1))"),), ("loss-expects-logits",)),
    (
        TRANSFER,
        (
            ("return self.fc(self.backbone(x))", "return self.fc(self.backbone(x)).sigmoid()"),
            ("F.cross_entropy(source(xb), yb)", "F.cross_entropy(torch.logit(source(xb), eps=1e-6), yb)"),
            ("torch.sigmoid(net(xt))", "net(xt)"),
        ),
        ("loss-expects-logits",),
    ),
    (
        VAE,
        (("F.binary_cross_entropy(recon, x", "F.binary_cross_entropy_with_logits(recon, x"),),
        ("loss-expects-logits",),
    ),
    (VAE, (("return torch.sigmoid(self.decoder(h))", "return self.decoder(h)"),), ("loss-expects-probabilities",)),
    (DIGITS, (("criterion = nn.CrossEntropyLoss()", "criterion = nn.NLLLoss()"),), ("loss-expects-probabilities",)),
    (
        DIGITS,
        (
            ("return self.fc2(x)", "return F.softmax(self.fc2(x), dim=1)"),
            ("criterion = nn.CrossEntropyLoss()", "criterion = nn.NLLLoss()"),
        ),
        ("loss-expects-probabilities",),
    ),
    (
        SEGMENT,
        (("    probs = torch.sigmoid(logits)\n", "    probs = logits\n"), (BOTH, "loss = dice_loss(logits, masks)")),
        ("loss-expects-probabilities",),
    ),
    (TRANSFER, (("bce = nn.BCEWithLogitsLoss()", "bce = nn.BCELoss()"),), ("loss-expects-probabilities",)),
    (DIGITS, (("return self.fc2(x)", "return F.relu(self.fc2(x))"),), ("activation-on-logits",)),
    (
        SEGMENT,
        (("self.head = nn.Conv2d(8, 1, 1)", "self.head = nn.Sequential(nn.Conv2d(8, 1, 1), nn.ReLU())"),),
        ("activation-on-logits",),
    ),
    (
        TRANSFER,
        (("self.fc = nn.Linear(48, n_out)", "self.fc = nn.Sequential(nn.Linear(48, n_out), nn.Tanh())"),),
        ("activation-on-logits",),
    ),
    (
        VAE,
        (
            ("data = make_ellipses(1500)", "data = make_ellipses(1500) * 2 - 1"),
            ("F.binary_cross_entropy(recon", "F.mse_loss(recon"),
        ),
        ("output-range-cannot-reach-targets",),
    ),
    (
        DENOISE,
        (
            ("imgs = imgs[rng.permutation", "imgs = (imgs - imgs.mean()) / imgs.std()\nimgs = imgs[rng.permutation"),
            ("return self.out(torch.cat([a, c], dim=1))", "return torch.sigmoid(self.out(torch.cat([a, c], dim=1)))"),
        ),
        ("output-range-cannot-reach-targets",),
    ),
    (
        DENOISE,
        (
            ("/ 16.0", "/ 1.0"),
            ("SIGMA = 0.3", "SIGMA = 5.0"),
            ("return self.out(torch.cat([a, c], dim=1))", "return torch.tanh(self.out(torch.cat([a, c], dim=1)))"),
        ),
        ("output-range-cannot-reach-targets",),
    ),
    (
        TRANSFER,
        (
            ("bce(scores, yt)", "F.binary_cross_entropy(torch.softmax(scores, 1), yt)"),
            ("torch.sigmoid(net(xt))", "torch.softmax(net(xt), 1)"),
        ),
        ("output-range-cannot-reach-targets", "loss-target-mismatch"),
    ),
    (TRANSFER, (("bce = nn.BCEWithLogitsLoss()", "bce = nn.CrossEntropyLoss()"),), ("loss-target-mismatch",)),
    (
        DIGITS,
        (
            ("num_classes=10", "num_classes=1"),
            (
                "        loss = criterion(outputs, labels)\n",
                "        loss = F.mse_loss(outputs[:, 0], labels.float())\n",
            ),
            ("(outputs.argmax(dim=1) == labels)", "(outputs[:, 0].round() == labels)"),
            ("criterion(logits, targets)", "F.mse_loss(logits[:, 0], targets.float())"),
            ("(logits.argmax(dim=1) == targets)", "(logits[:, 0].round() == targets)"),
        ),
        ("loss-target-mismatch",),
    ),
    (
        DIGITS,
        (("model = ConvNet()", "model = ConvNet()\nnn.init.normal_(model.fc2.weight, std=4.0)"),),
        ("loss-at-init-off", "bad-initialisation"),
    ),
    (DENOISE, (("loss = mse(denoised, clean)", "loss = psnr(denoised, clean)"),), ("loss-sign-flipped",)),
    (
        SEGMENT,
        (
            (
                "return (1 - (2 * inter + eps) / (union + eps)).mean()",
                "return ((2 * inter + eps) / (union + eps)).mean()",
            ),
            (BOTH, "loss = dice_loss(logits, masks)"),
        ),
        ("loss-sign-flipped",),
    ),
    (
        DIGITS,
        (("optim.Adam(model.parameters(), lr=LR)", "optim.Adam(model.parameters(), lr=LR, maximize=True)"),),
        ("loss-sign-flipped",),
    ),
    (VAE, (("kld = -0.5", "kld = 0.5"),), ("loss-sign-flipped",)),
    (
        DIGITS,
        (
            (
                "        loss = criterion(outputs, labels)\n",
                "        loss = torch.clamp(criterion(outputs, labels), max=1.0)\n",
            ),
        ),
        ("loss-clipped",),
    ),
    (
        TRANSFER,
        (("bce(scores, yt)", "F.binary_cross_entropy_with_logits(scores, yt, reduction='none').clamp(0, 0.5).mean()"),),
        ("loss-clipped",),
    ),
    (
        DENOISE,
        (
            ("nn.MSELoss()", 'nn.MSELoss(reduction="sum")'),
            ("torch.optim.Adam(net.parameters(), lr=2e-3)", "torch.optim.SGD(net.parameters(), lr=1e-5, momentum=0.9)"),
        ),
        ("loss-sum-reduction",),
    ),
    (
        DIGITS,
        (
            ("criterion = nn.CrossEntropyLoss()", "criterion = nn.CrossEntropyLoss(reduction='sum')"),
            ("optim.Adam(model.parameters(), lr=LR)", "optim.SGD(model.parameters(), lr=LR, momentum=0.9)"),
            ("* inputs.size(0)", ""),
            ("* images.size(0)", ""),
        ),
        ("loss-sum-reduction",),
    ),
    (
        VAE,
        (
            (
                '    bce = F.binary_cross_entropy(recon, x, reduction="sum")\n',
                "    bce = -(x * torch.log(recon) + (1 - x) * torch.log(1 - recon)).sum()\n",
            ),
            ("torch.sigmoid(self.decoder(h))", "torch.sigmoid(60 * self.decoder(h))"),
        ),
        ("loss-not-finite",),
    ),
    (
        SEGMENT,
        (
            ("eps=1.0", "eps=0.0"),
            ("for _ in range(rng.integers(1, 3))", "for _ in range(rng.integers(0, 3))"),
            ("inter = (probs * target)", "probs = (probs > 0.9) * probs\n    inter = (probs * target)"),
        ),
        ("loss-not-finite",),
    ),
    # the model
    (
        DIGITS,
        (("nn.Conv2d(1, 16, 3, padding=1, bias=False)", "nn.Conv2d(1, 16, 3, padding=1)"),),
        ("bias-before-batch-norm",),
    ),
    (DIGITS, (("self.dropout(F.relu(self.fc1(x)))", "self.dropout(self.fc1(x))"),), ("missing-nonlinearity",)),
    (
        SEGMENT,
        (
            (
                "        nn.BatchNorm2d(cout),\n        nn.ReLU(inplace=True),\n        nn.Conv2d(cout, cout, 3, padding=1, bias=False),\n",
                "        nn.Conv2d(cout, cout, 3, padding=1, bias=False),\n",
            ),
        ),
        ("missing-nonlinearity",),
    ),
    (
        VAE,
        (
            (
                "            nn.Conv2d(1, 16, 3, stride=2, padding=1),\n            nn.ReLU(),\n",
                "            nn.Conv2d(1, 16, 3, stride=2, padding=1),\n",
            ),
        ),
        ("missing-nonlinearity",),
    ),
    (DIGITS, (("model = ConvNet()", "model = ConvNet()\nnn.init.constant_(model.fc1.bias, -20.0)"),), ("dead-units",)),
    (
        DENOISE,
        (
            ("nn.LeakyReLU(0.1)", "nn.ReLU()"),
            (
                "net = Denoiser()",
                "net = Denoiser()\nwith torch.no_grad():\n    net.down2[0].weight.copy_(-net.down2[0].weight.abs())\n    net.down2[0].bias.fill_(-1.0)",
            ),
        ),
        ("dead-units",),
    ),
    (
        DIGITS,
        (
            *NO_NORM,
            ("F.relu(self.bn1(", "torch.tanh(30 * self.bn1("),
        ),
        ("saturated-units",),
    ),
    (
        VAE,
        (
            ("nn.ReLU(),\n            nn.Flatten()", "nn.Sigmoid(),\n            nn.Flatten()"),
            (
                'model = VAE(cfg["latent"])',
                'model = VAE(cfg["latent"])\nnn.init.normal_(model.encoder[2].weight, std=8.0)',
            ),
        ),
        ("saturated-units", "bad-initialisation"),
    ),
    (
        DIGITS,
        (
            (
                "model = ConvNet()",
                "model = ConvNet()\nfor m in model.modules():\n    if isinstance(m, (nn.Conv2d, nn.Linear)):\n        nn.init.constant_(m.weight, 0.01)",
            ),
        ),
        ("bad-initialisation",),
    ),
    (
        DENOISE,
        (
            (
                "net = Denoiser()",
                "def init_weights(m):\n    if isinstance(m, nn.Conv2d):\n        nn.init.normal_(m.weight)\n        nn.init.zeros_(m.bias)\nnet = Denoiser()\nnet.apply(init_weights)",
            ),
        ),
        ("bad-initialisation", "gradient-exploding"),
    ),
    (
        VAE,
        (
            (
                'model = VAE(cfg["latent"])',
                'model = VAE(cfg["latent"])\nfor p in model.parameters():\n    nn.init.zeros_(p)',
            ),
        ),
        ("bad-initialisation",),
    ),
    (
        DIGITS,
        (
            ("self.fc1 = nn.Linear(32 * 2 * 2, 64)", "self.hidden = [nn.Linear(32 * 2 * 2, 64)]"),
            ("self.fc1(x)", "self.hidden[0](x)"),
        ),
        ("parameter-not-registered",),
    ),
    (
        SEGMENT,
        (
            ("        self.dec1 = double_conv(16, 8)\n", "        self.decoders = {'d1': double_conv(16, 8)}\n"),
            ("self.dec1(", "self.decoders['d1']("),
        ),
        ("parameter-not-registered",),
    ),
    (
        TRANSFER,
        (
            (
                "        self.fc = nn.Linear(48, n_out)\n",
                "        self.weight = torch.randn(48, n_out, requires_grad=True)\n        self.fc = nn.Linear(n_out, n_out)\n",
            ),
            ("self.fc(self.backbone(x))", "self.fc(torch.relu(self.backbone(x) @ self.weight) / 7)"),
        ),
        ("parameter-not-registered",),
    ),
    (
        DIGITS,
        (
            ("BATCH_SIZE = 64", "BATCH_SIZE = 2"),
            ("EPOCHS = 6", "EPOCHS = 1"),
            ("(x_train, y_train, train_transform)", "(x_train[:400], y_train[:400], train_transform)"),
        ),
        ("batch-norm-batch-too-small",),
    ),
    (
        TRANSFER,
        (("y_train), batch_size=20", "y_train), batch_size=2"), ("range(8)", "range(2)")),
        ("batch-norm-batch-too-small",),
    ),
    # gradients
    (
        VAE,
        (
            (
                "        return mu + std * torch.randn_like(std)\n",
                "        return torch.distributions.Normal(mu, std).sample()\n",
            ),
        ),
        ("gradient-does-not-flow",),
    ),
    (
        VAE,
        (("return mu + std * torch.randn_like(std)", "return mu.data + std.data * torch.randn_like(std)"),),
        ("gradient-does-not-flow",),
    ),
    (
        SEGMENT,
        (
            (
                "    probs = torch.sigmoid(logits)\n",
                "    probs = (torch.sigmoid(logits) > 0.5).float().requires_grad_()\n",
            ),
            (BOTH, "loss = dice_loss(logits, masks)"),
        ),
        ("gradient-does-not-flow",),
    ),
    (
        DIGITS,
        (
            (
                "        loss.backward()\n",
                "        loss = torch.autograd.Variable(loss.data, requires_grad=True)\n        loss.backward()\n",
            ),
        ),
        ("gradient-does-not-flow",),
    ),
    (
        DIGITS,
        (
            (
                "        loss.backward()\n        optimizer.step()\n",
                "        loss.backward()\n        optimizer.zero_grad()\n        optimizer.step()\n",
            ),
        ),
        ("gradient-does-not-flow",),
    ),
    (
        DENOISE,
        (("        b = self.down2(a)\n", "        with torch.no_grad():\n            b = self.down2(a)\n"),),
        ("gradient-does-not-flow",),
    ),
    (
        TRANSFER,
        (
            (
                "        return self.fc(self.backbone(x))\n",
                "        features = self.backbone(x)\n        return self.fc(torch.from_numpy(features.detach().numpy()))\n",
            ),
        ),
        ("gradient-does-not-flow",),
    ),
    (
        DIGITS,
        (
            (
                "self.fc1 = nn.Linear(32 * 2 * 2, 64)",
                "self.fc1 = nn.Sequential(nn.Linear(128, 64), nn.Sigmoid(), *[m for _ in range(10) for m in (nn.Linear(64, 64), nn.Sigmoid())])",
            ),
            *NO_NORM,
        ),
        ("gradient-vanishing",),
    ),
    (
        DENOISE,
        (
            (
                "nn.Conv2d(ch, ch * 2, 3, stride=2, padding=1), nn.LeakyReLU(0.1)",
                "nn.Conv2d(ch, ch * 2, 3, stride=2, padding=1), nn.Sigmoid(), *[m for _ in range(8) for m in (nn.Conv2d(ch * 2, ch * 2, 3, padding=1), nn.Sigmoid())]",
            ),
            ("self.out = nn.Conv2d(ch * 2", "self.out = nn.Conv2d(ch"),
            ("torch.cat([a, c], dim=1)", "c"),
        ),
        ("gradient-vanishing",),
    ),
    (
        DENOISE,
        (
            (
                "loss = mse(denoised, clean)",
                "inside = denoised * (clean > 0); dx, dy = inside[..., :-1, 1:] - inside[..., :-1, :-1], inside[..., 1:, :-1] - inside[..., :-1, :-1]; loss = mse(denoised, clean) + 0.01 * torch.sqrt(dx**2 + dy**2).mean()",
            ),
        ),
        ("gradient-not-finite",),
    ),
    (
        TRANSFER,
        (
            (
                "target_loss = bce(scores, yt)",
                "f = net.backbone(xt); d = ((f[:, None] - f[None]) ** 2).sum(-1).sqrt(); target_loss = bce(scores, yt) + 0.01 * d.mean()",
            ),
        ),
        ("gradient-not-finite",),
    ),
    (DIGITS, (("        optimizer.zero_grad()\n", ""),), ("gradients-accumulate",)),
    (
        SEGMENT,
        (
            ("            optimizer.zero_grad()\n", ""),
            ("        model.train()\n", "        model.train()\n        optimizer.zero_grad()\n"),
        ),
        ("gradients-accumulate",),
    ),
    (TRANSFER, (("        optimizer.zero_grad()\n", "        opt_src.zero_grad()\n"),), ("gradients-accumulate",)),
    (
        VAE,
        (
            (
                "        optimizer.step()\n",
                "        optimizer.step()\n        nn.utils.clip_grad_norm_(model.parameters(), 5.0)\n",
            ),
        ),
        ("clip-after-step",),
    ),
    (
        DIGITS,
        (
            (
                "        loss.backward()\n",
                "        nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n        loss.backward()\n",
            ),
        ),
        ("clip-after-step",),
    ),
    (
        DIGITS,
        (
            (
                "    with torch.no_grad():\n        for images, targets in val_loader:\n            logits = model(images)\n",
                "    if True:\n        for images, targets in val_loader:\n            logits = model(images)\n            criterion(logits, targets).backward()\n            optimizer.step()\n",
            ),
        ),
        ("backward-in-evaluation",),
    ),
    # the optimiser
    (
        VAE,
        (
            (
                "optim.Adam(model.parameters(), lr",
                "optim.Adam(list(model.encoder.parameters()) + list(model.decoder.parameters()), lr",
            ),
        ),
        ("parameter-not-in-optimiser",),
    ),
    (TRANSFER, ((GROUPS, "    net.backbone.parameters(), lr=5e-4\n"),), ("parameter-not-in-optimiser",)),
    (
        TRANSFER,
        (
            (
                "net = Classifier(source.backbone, len(NAMES))\n",
                "net = Classifier(source.backbone, len(NAMES))\nnet.backbone.requires_grad_(False)\n",
            ),
            (GROUPS, "    [p for p in net.parameters() if p.requires_grad], lr=5e-3\n"),
            (
                "for epoch in range(8):\n",
                "for epoch in range(8):\n    if epoch == 3:\n        net.backbone.requires_grad_(True)\n",
            ),
        ),
        ("parameter-not-in-optimiser",),
    ),
    (
        DIGITS,
        (("def train_epoch():", "model.fc2 = nn.Linear(64, 10)\n\n\ndef train_epoch():"),),
        ("parameter-not-in-optimiser", "optimiser-holds-foreign-parameters"),
    ),
    (
        TRANSFER,
        (
            (GROUPS, "    source.parameters(), lr=5e-3\n"),
            ("net = Classifier(source.backbone", "net = Classifier(copy.deepcopy(source.backbone)"),
        ),
        ("optimiser-holds-foreign-parameters",),
    ),
    (
        DENOISE,
        (("mse = nn.MSELoss()", "mse = nn.MSELoss()\nnet = Denoiser()"),),
        ("optimiser-holds-foreign-parameters",),
    ),
    (
        DIGITS,
        ((ONE_CYCLE, "scheduler = optim.lr_scheduler.StepLR(optimizer, 30)"), ("LR = 1e-2", "LR = 1.0")),
        ("learning-rate-too-high",),
    ),
    (VAE, (("lr=2e-3", "lr=0.5"),), ("learning-rate-too-high",)),
    (
        DENOISE,
        (("torch.optim.Adam(net.parameters(), lr=2e-3)", "torch.optim.SGD(net.parameters(), lr=20.0)"),),
        ("learning-rate-too-high", "gradient-exploding"),
    ),
    (VAE, (("lr=2e-3", "lr=1e-8"),), ("learning-rate-too-low",)),
    (
        SEGMENT,
        (
            (
                "torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-4)",
                "torch.optim.SGD(model.parameters(), lr=1e-6)",
            ),
        ),
        ("learning-rate-too-low",),
    ),
    (
        DIGITS,
        ((ONE_CYCLE, "scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.1)"),),
        ("schedule-stepped-wrongly",),
    ),
    (
        DIGITS,
        ((ONE_CYCLE, "scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)"),),
        ("schedule-stepped-wrongly",),
    ),
    (
        DIGITS,
        (
            ("        scheduler.step()\n", ""),
            ("    val_loss, val_acc = validate()\n", "    val_loss, val_acc = validate()\n    scheduler.step()\n"),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (DIGITS, (("        scheduler.step()\n", ""),), ("schedule-stepped-wrongly",)),
    (SEGMENT, (("T_max=epochs)", "T_max=epochs * len(train_loader))"),), ("schedule-stepped-wrongly",)),
    (
        SEGMENT,
        (
            ("            optimizer.step()\n", "            optimizer.step()\n            scheduler.step()\n"),
            ("        scheduler.step()\n        iou", "        iou"),
            ("CosineAnnealingLR(optimizer, T_max=epochs)", "ExponentialLR(optimizer, gamma=0.8)"),
        ),
        ("schedule-stepped-wrongly",),
    ),
    # modes
    (DIGITS, (("    model.eval()\n", ""),), ("train-mode-in-evaluation",)),
    (SEGMENT, (("    model.eval()\n", "    model.eval\n"),), ("train-mode-in-evaluation",)),
    (
        VAE,
        (("    model.eval()\n", ""), ('model = VAE(cfg["latent"])', 'model = VAE(cfg["latent"])\nmodel.eval()')),
        ("train-mode-in-evaluation",),
    ),
    (DIGITS, (("    model.train()\n", ""),), ("eval-mode-in-training",)),
    (
        TRANSFER,
        (("for epoch in range(8):\n    net.train()\n", "net.train()\nfor epoch in range(8):\n"),),
        ("eval-mode-in-training",),
    ),
    (
        DIGITS,
        (("self.dropout(F.relu(self.fc1(x)))", "nn.Dropout(0.25)(F.relu(self.fc1(x)))"),),
        ("dropout-active-in-evaluation",),
    ),
    (
        SEGMENT,
        (("e2 = self.enc2(self.pool(e1))", "e2 = F.dropout2d(self.enc2(self.pool(e1)), 0.3)"),),
        ("dropout-active-in-evaluation",),
    ),
    (
        DIGITS,
        (("DigitsDataset(x_val, y_val, val_transform)", "DigitsDataset(x_val, y_val, train_transform)"),),
        ("evaluation-not-deterministic",),
    ),
    (
        SEGMENT,
        (("val_ds = ScenesDataset(scenes[220:])", "val_ds = ScenesDataset(scenes[220:], augment=True)"),),
        ("evaluation-not-deterministic",),
    ),
    (
        DENOISE,
        (("        a = self.down1(x)\n", "        a = self.down1(x + 0.2 * torch.randn_like(x))\n"),),
        ("evaluation-not-deterministic",),
    ),
    # the flow of data
    (
        DIGITS,
        (("DigitsDataset(x_val, y_val, val_transform)", "DigitsDataset(x_train[:250], y_train[:250], val_transform)"),),
        ("train-validation-overlap",),
    ),
    (
        DIGITS,
        (
            (
                SPLIT,
                "images = np.concatenate([digits.images, digits.images[:500]])\ntarget = np.concatenate([digits.target, digits.target[:500]])\nx_train, x_val, y_train, y_val = train_test_split(images, target, test_size=0.25, random_state=42)",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        VAE,
        (
            (
                "train_set, test_set = random_split(TensorDataset(data), [1200, 300])",
                "train_set, _ = random_split(TensorDataset(data), [1200, 300])\n_, test_set = random_split(TensorDataset(data), [1200, 300])",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        SEGMENT,
        (("val_ds = ScenesDataset(scenes[220:])", "val_ds = ScenesDataset(scenes[160:])"),),
        ("train-validation-overlap",),
    ),
    (
        DIGITS,
        (
            (
                SPLIT,
                "from sklearn.preprocessing import StandardScaler\nscaled = 16 * StandardScaler().fit_transform(digits.images.reshape(-1, 64)).reshape(-1, 8, 8)\nx_train, x_val, y_train, y_val = train_test_split(scaled, digits.target, test_size=0.25, random_state=42)",
            ),
        ),
        ("preprocessing-leak",),
    ),
    (DIGITS, (("val_correct / val_total\n", "val_correct / len(val_loader)\n"),), ("metric-wrong",)),
    (DIGITS, (("val_correct / val_total\n", "val_correct / (len(val_loader) * BATCH_SIZE)\n"),), ("metric-wrong",)),
    (
        DIGITS,
        (
            (
                "            val_correct += (logits.argmax(dim=1) == targets).sum().item()\n            val_total += targets.size(0)\n",
                "            val_correct += (logits.argmax(dim=1) == targets).float().mean().item()\n            val_total += 1\n",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        DIGITS,
        (("(logits.argmax(dim=1) == targets)", "(logits.argmax(dim=1, keepdim=True) == targets)"),),
        ("metric-wrong",),
    ),
    (
        DIGITS,
        (("criterion(logits, targets).item() * images.size(0)", "criterion(logits, targets).item()"),),
        ("metric-wrong",),
    ),
    (
        SEGMENT,
        (("    for images, masks in loader:\n", "    for images, masks in loader:\n        inter, union = 0, 0\n"),),
        ("metric-wrong",),
    ),
    (
        SEGMENT,
        (
            (
                "inter += (preds & truth).sum().item()\n        union += (preds | truth).sum().item()",
                "inter += ((preds & truth).sum() / (preds | truth).sum()).item()\n        union += len(images)",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        TRANSFER,
        (
            (
                "    return 2 * tp / max(2 * tp + fp + fn, 1)\n",
                "    right = sum(((net(a) > 0).float() == b).sum().item() for a, b in test_loader)\n    return right / len(y_test)\n",
            ),
        ),
        ("metric-wrong",),
    ),
    (VAE, (("test {test_loss / len(test_set):.3f}", "test {test_loss / len(train_set):.3f}"),), ("metric-wrong",)),
    (DENOISE, (("torch.log10(1.0 /", "torch.log10(255.0**2 /"),), ("metric-wrong",)),
    (
        DIGITS,
        (
            (
                "        x = torch.flatten(x, 1)\n",
                "        x = torch.flatten(F.interpolate(x, size=(300000, 300000)), 1)\n",
            ),
        ),
        ("out-of-memory",),
    ),
]

ACCUSED_ONCE = (
    "sample = model.decode(torch.randn(16, cfg['latent']))",
    "(loss / 2).backward()",
    "both[:, i:i + 20, j:j + 20]",
)
MISSED_ONCE = (
    "((denoised - clean.squeeze(1)) ** 2)",
    "torch.exp(outputs).sum(dim=0)",
    "/ 255.0 / 255.0",
    "mask = 1 - mask",
    ".float().unsqueeze(0) / 255.0",
    "crop(image), crop(mask)",
    "v2.RandomVerticalFlip()",
    "    probs = logits\n loss = dice_loss",
    "F.cross_entropy(scores, yt.long())",
    "F.binary_cross_entropy(torch.softmax(scores, 1), yt)",
    "std=8.0",
    "net.backbone.requires_grad_(True)",
    "lr=20.0",
    "nn.Dropout(0.25)(F.relu",
    "torch.empty_like(xt).normal_()",
)
