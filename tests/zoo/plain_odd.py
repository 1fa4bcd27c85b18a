"""Correct programs that train in unusual ways: each is right as it stands, and the doctor is to be silent."""

from .plain import Patch

START = """import copy, math, random
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import load_digits
torch.manual_seed(0); np.random.seed(0); random.seed(0)
images, labels = load_digits(return_X_y=True)
order = np.random.permutation(len(images))
X = torch.tensor(images[order], dtype=torch.float32) / 16
y = torch.tensor(labels[order])
Xtr, ytr, Xva, yva = X[:1200], y[:1200], X[1200:], y[1200:]
mean, std = Xtr.mean(), Xtr.std()
Xtr, Xva = (Xtr - mean) / std, (Xva - mean) / std
def batches(n=64):
    for rows in torch.randperm(len(Xtr)).split(n):
        yield Xtr[rows], ytr[rows]
def mlp(out=10, hidden=64):
    return nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, out))
def accuracy(net):
    net.eval()
    with torch.no_grad():
        return (net(Xva).argmax(1) == yva).float().mean().item()
"""

STYLE = (
    START
    + """
cnn = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU()).eval()
for p in cnn.parameters():
    p.requires_grad_(False)
content, style = Xva[0].view(1, 1, 8, 8), Xva[1].view(1, 1, 8, 8)
def gram(f):
    f = f.flatten(2)
    return f @ f.transpose(1, 2) / f.shape[-1]
target_c, target_s = cnn(content), gram(cnn(style))
picture = content.clone().requires_grad_(True)
opt = torch.optim.LBFGS([picture])
for step in range(15):
    def closure():
        opt.zero_grad()
        f = cnn(picture)
        loss = F.mse_loss(f, target_c) + 10 * F.mse_loss(gram(f), target_s)
        loss.backward()
        return loss
    loss = opt.step(closure)
print("loss", float(loss))
"""
)

ATTACK = (
    START
    + """
net = mlp()
opt = torch.optim.Adam(net.parameters(), 2e-3)
for epoch in range(10):
    net.train()
    for xb, yb in batches():
        loss = F.cross_entropy(net(xb), yb)
        opt.zero_grad(); loss.backward(); opt.step()
print("clean", accuracy(net))
net.eval()
right = 0
for i in range(0, len(Xva), 100):
    x = Xva[i:i + 100].clone().requires_grad_(True)
    loss = F.cross_entropy(net(x), yva[i:i + 100])
    net.zero_grad()
    loss.backward()
    adv = x + 0.1 * x.grad.sign()
    with torch.no_grad():
        right += (net(adv).argmax(1) == yva[i:i + 100]).sum().item()
print("under attack", right / len(Xva))
"""
)

ADVERSARIAL = (
    START
    + """
net = mlp()
opt = torch.optim.Adam(net.parameters(), 2e-3)
for epoch in range(8):
    net.train()
    for xb, yb in batches():
        delta = torch.zeros_like(xb).uniform_(-0.1, 0.1).requires_grad_(True)
        for _ in range(3):
            grad, = torch.autograd.grad(F.cross_entropy(net(xb + delta), yb), delta)
            delta = (delta + 0.05 * grad.sign()).clamp(-0.2, 0.2).detach().requires_grad_(True)
        loss = F.cross_entropy(net(xb + delta.detach()), yb)
        opt.zero_grad(); loss.backward(); opt.step()
    print(epoch, accuracy(net))
"""
)

SAM = (
    START
    + """
net = mlp()
opt = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9)
for epoch in range(8):
    net.train()
    for xb, yb in batches():
        F.cross_entropy(net(xb), yb).backward()
        with torch.no_grad():
            norm = torch.norm(torch.stack([p.grad.norm() for p in net.parameters()]))
            steps = [0.05 * p.grad / (norm + 1e-12) for p in net.parameters()]
            for p, e in zip(net.parameters(), steps):
                p.add_(e)
        opt.zero_grad()
        F.cross_entropy(net(xb), yb).backward()
        with torch.no_grad():
            for p, e in zip(net.parameters(), steps):
                p.sub_(e)
        opt.step()
        opt.zero_grad()
    print(epoch, accuracy(net))
"""
)

SGLD = (
    START
    + """
net = mlp()
lr = 0.02
kept = []
for epoch in range(12):
    net.train()
    for xb, yb in batches():
        loss = F.cross_entropy(net(xb), yb) * len(Xtr)
        net.zero_grad()
        loss.backward()
        with torch.no_grad():
            for p in net.parameters():
                p.add_(p.grad / len(Xtr) + 1e-3 * p, alpha=-lr)
                p.add_(torch.randn_like(p), alpha=math.sqrt(2 * lr / len(Xtr)) * 0.1)
    if epoch >= 8:
        net.eval()
        with torch.no_grad():
            kept.append(net(Xva).softmax(1))
print("accuracy of the mean", (torch.stack(kept).mean(0).argmax(1) == yva).float().mean().item())
"""
)

MAML = """import torch, torch.nn as nn, torch.nn.functional as F
from torch.func import functional_call
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(1, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))
opt = torch.optim.Adam(net.parameters(), 2e-3)
def task():
    a, b = torch.rand(2)
    f = lambda x: (0.5 + a) * torch.sin(x + 3 * b)
    return f
for step in range(150):
    total = 0.
    for _ in range(4):
        f = task()
        xs, xq = torch.rand(10, 1) * 6 - 3, torch.rand(10, 1) * 6 - 3
        params = dict(net.named_parameters())
        inner = F.mse_loss(functional_call(net, params, xs), f(xs))
        grads = torch.autograd.grad(inner, params.values(), create_graph=True)
        fast = {n: p - 0.05 * g for (n, p), g in zip(params.items(), grads)}
        total = total + F.mse_loss(functional_call(net, fast, xq), f(xq))
    opt.zero_grad()
    (total / 4).backward()
    opt.step()
    if step % 30 == 29:
        print(step, total.item() / 4)
"""

SIMSIAM = (
    START
    + """
enc = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32), nn.BatchNorm1d(32))
pred = nn.Sequential(nn.Linear(32, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 32))
opt = torch.optim.SGD([*enc.parameters(), *pred.parameters()], 0.05, momentum=0.9)
def view(x):
    return x * (torch.rand_like(x) > 0.2) + 0.1 * torch.randn_like(x)
for epoch in range(10):
    enc.train(); pred.train()
    for xb, _ in batches(128):
        z1, z2 = enc(view(xb)), enc(view(xb))
        p1, p2 = pred(z1), pred(z2)
        loss = -(F.cosine_similarity(p1, z2.detach()).mean() + F.cosine_similarity(p2, z1.detach()).mean()) / 2
        opt.zero_grad(); loss.backward(); opt.step()
    print(epoch, loss.item())
enc.eval()
with torch.no_grad():
    a, b = F.normalize(enc(Xtr), dim=1), F.normalize(enc(Xva), dim=1)
    near = (b @ a.t()).topk(5).indices
    print("kNN", (torch.mode(ytr[near], 1).values == yva).float().mean().item())
"""
)

BYOL = (
    START
    + """
online = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32))
head = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 32))
target = copy.deepcopy(online)
for p in target.parameters():
    p.requires_grad = False
opt = torch.optim.Adam(list(online.parameters()) + list(head.parameters()), 1e-3)
def view(x):
    return x + 0.3 * torch.randn_like(x)
for epoch in range(8):
    for xb, _ in batches(128):
        q = F.normalize(head(online(view(xb))), dim=1)
        with torch.no_grad():
            k = F.normalize(target(view(xb)), dim=1)
        loss = (2 - 2 * (q * k).sum(1)).mean()
        opt.zero_grad(); loss.backward(); opt.step()
        with torch.no_grad():
            for a, b in zip(online.parameters(), target.parameters()):
                b.mul_(0.99).add_(a, alpha=0.01)
    print(epoch, loss.item())
probe = nn.Linear(32, 10)
popt = torch.optim.Adam(probe.parameters(), 1e-2)
online.eval()
for i in range(100):
    with torch.no_grad():
        f = online(Xtr)
    l = F.cross_entropy(probe(f), ytr)
    popt.zero_grad(); l.backward(); popt.step()
with torch.no_grad():
    print("probe", (probe(online(Xva)).argmax(1) == yva).float().mean().item())
"""
)

VQVAE = (
    START
    + """
class VQ(nn.Module):
    def __init__(self, k=32, d=16):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, d))
        self.book = nn.Parameter(torch.randn(k, d) * 0.5)
        self.dec = nn.Sequential(nn.Linear(d, 64), nn.ReLU(), nn.Linear(64, 64))
    def forward(self, x):
        z = self.enc(x)
        i = torch.cdist(z, self.book).argmin(1)
        q = self.book[i]
        st = z + (q - z).detach()
        return self.dec(st), F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
net = VQ()
opt = torch.optim.Adam(net.parameters(), 2e-3)
for epoch in range(12):
    net.train()
    for xb, _ in batches():
        out, extra = net(xb)
        loss = F.mse_loss(out, xb) + extra
        opt.zero_grad(); loss.backward(); opt.step()
    net.eval()
    with torch.no_grad():
        print(epoch, F.mse_loss(net(Xva)[0], Xva).item())
"""
)

GUMBEL = (
    START
    + """
enc, dec = nn.Linear(64, 30), nn.Linear(30, 64)
opt = torch.optim.Adam([*enc.parameters(), *dec.parameters()], 5e-3)
for epoch in range(12):
    tau = max(0.5, 1.0 * 0.9 ** epoch)
    for xb, _ in batches():
        z = F.gumbel_softmax(enc(xb).view(-1, 6, 5), tau=tau, hard=False).flatten(1)
        loss = F.mse_loss(dec(z), xb)
        opt.zero_grad(); loss.backward(); opt.step()
with torch.no_grad():
    hard = F.one_hot(enc(Xva).view(-1, 6, 5).argmax(-1), 5).float().flatten(1)
    print("mse", F.mse_loss(dec(hard), Xva).item())
"""
)

COORDINATES = (
    START
    + """
picture = (Xtr[0].view(8, 8) - Xtr[0].min()) / (Xtr[0].max() - Xtr[0].min())
g = torch.stack(torch.meshgrid(torch.linspace(-1, 1, 8), torch.linspace(-1, 1, 8), indexing="ij"), -1).view(-1, 2)
B = torch.randn(2, 32) * 3
feats = torch.cat([torch.sin(g @ B), torch.cos(g @ B)], 1)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid())
opt = torch.optim.Adam(net.parameters(), 5e-3)
for step in range(300):
    out = net(feats)
    loss = F.mse_loss(out, picture.reshape(-1, 1))
    opt.zero_grad(); loss.backward(); opt.step()
with torch.no_grad():
    print("PSNR", (-10 * torch.log10(F.mse_loss(net(feats), picture.reshape(-1, 1)))).item())
"""
)

GRADCAM = (
    START
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, padding=1)
        self.fc = nn.Linear(16, 10)
    def forward(self, x):
        self.maps = F.relu(self.conv(x.view(-1, 1, 8, 8)))
        return self.fc(self.maps.amax((2, 3)))
net = Net()
opt = torch.optim.Adam(net.parameters(), 1e-2)
for epoch in range(6):
    net.train()
    for xb, yb in batches():
        loss = F.cross_entropy(net(xb), yb)
        opt.zero_grad(); loss.backward(); opt.step()
print(accuracy(net))
net.eval()
for i in range(5):
    out = net(Xva[i:i + 1])
    net.maps.retain_grad()
    net.zero_grad()
    out[0, out.argmax()].backward()
    w = net.maps.grad.mean((2, 3), keepdim=True)
    cam = F.relu((w * net.maps).sum(1)).detach()
    print(i, cam.max().item())
"""
)

FINDER = (
    START
    + """
net = mlp()
trial = copy.deepcopy(net)
opt = torch.optim.SGD(trial.parameters(), 1e-5)
lrs, losses = [], []
for i, (xb, yb) in enumerate(batches(16)):
    lr = 1e-5 * (1e6) ** (i / 74)
    for g in opt.param_groups:
        g["lr"] = lr
    loss = F.cross_entropy(trial(xb), yb)
    opt.zero_grad(); loss.backward(); opt.step()
    lrs.append(lr); losses.append(loss.item())
    if loss.item() > 4 * min(losses):
        break
best = lrs[int(np.argmin(losses))] / 10
print("suggested", best)
opt = torch.optim.SGD(net.parameters(), best, momentum=0.9)
for epoch in range(8):
    net.train()
    for xb, yb in batches():
        loss = F.cross_entropy(net(xb), yb)
        opt.zero_grad(); loss.backward(); opt.step()
    print(epoch, accuracy(net))
"""
)

CURRICULUM = (
    START
    + """
net = mlp()
opt = torch.optim.Adam(net.parameters(), 2e-3)
distance = torch.stack([(Xtr[i] - Xtr[ytr == ytr[i]].mean(0)).norm() for i in range(len(Xtr))])
easy = distance.argsort()
for epoch in range(12):
    net.train()
    part = easy[: int(len(Xtr) * min(1.0, 0.3 + 0.1 * epoch))]
    part = part[torch.randperm(len(part))]
    for rows in part.split(64):
        loss = F.cross_entropy(net(Xtr[rows]), ytr[rows])
        opt.zero_grad(); loss.backward(); opt.step()
    print(epoch, accuracy(net))
"""
)

PSEUDO = (
    START
    + """
known = torch.arange(len(Xtr)) < 200
net = mlp()
opt = torch.optim.Adam(net.parameters(), 2e-3)
for epoch in range(15):
    net.train()
    rows = known.nonzero()[:, 0]
    for part in rows[torch.randperm(len(rows))].split(32):
        loss = F.cross_entropy(net(Xtr[part]), ytr[part])
        opt.zero_grad(); loss.backward(); opt.step()
    if epoch >= 5:
        net.eval()
        with torch.no_grad():
            p, guess = net(Xtr[200:]).softmax(1).max(1)
        sure = p > 0.95
        net.train()
        for part in [] if not sure.any() else sure.nonzero()[:, 0].split(64):
            loss = 0.5 * F.cross_entropy(net(Xtr[200:][part]), guess[part])
            opt.zero_grad(); loss.backward(); opt.step()
    print(epoch, accuracy(net))
"""
)

ACTIVE = (
    START
    + """
pool = set(range(len(Xtr)))
chosen = random.sample(sorted(pool), 50)
for round in range(5):
    net = mlp()
    opt = torch.optim.Adam(net.parameters(), 5e-3)
    rows = torch.tensor(chosen)
    net.train()
    for step in range(60):
        part = rows[torch.randint(len(rows), (32,))]
        loss = F.cross_entropy(net(Xtr[part]), ytr[part])
        opt.zero_grad(); loss.backward(); opt.step()
    print(len(chosen), accuracy(net))
    left = torch.tensor(sorted(pool - set(chosen)))
    with torch.no_grad():
        p = net(Xtr[left]).softmax(1)
    entropy = -(p * p.clamp_min(1e-9).log()).sum(1)
    chosen += left[entropy.topk(50).indices].tolist()
"""
)

REPLAY = (
    START
    + """
net = mlp()
opt = torch.optim.SGD(net.parameters(), 0.05)
memory_x, memory_y = [], []
for task in range(5):
    here = (ytr // 2) == task
    xs, ys = Xtr[here], ytr[here]
    net.train()
    for epoch in range(10):
        for rows in torch.randperm(len(xs)).split(32):
            xb, yb = xs[rows], ys[rows]
            if memory_x:
                pick = torch.randint(len(memory_x), (32,))
                xb = torch.cat([xb, torch.stack(memory_x)[pick]])
                yb = torch.cat([yb, torch.stack(memory_y)[pick]])
            loss = F.cross_entropy(net(xb), yb)
            opt.zero_grad(); loss.backward(); opt.step()
    keep = torch.randperm(len(xs))[:40]
    memory_x += list(xs[keep]); memory_y += list(ys[keep])
    net.eval()
    seen = (yva // 2) <= task
    with torch.no_grad():
        print(task, (net(Xva[seen]).argmax(1) == yva[seen]).float().mean().item())
"""
)

PRUNING = (
    START
    + """
import torch.nn.utils.prune as prune
net = mlp()
opt = torch.optim.Adam(net.parameters(), 2e-3)
def train(epochs):
    for epoch in range(epochs):
        net.train()
        for xb, yb in batches():
            loss = F.cross_entropy(net(xb), yb)
            opt.zero_grad(); loss.backward(); opt.step()
train(6)
print("dense", accuracy(net))
for layer in (net[0], net[2]):
    prune.l1_unstructured(layer, "weight", amount=0.6)
opt = torch.optim.Adam(net.parameters(), 1e-3)
train(4)
print("sparse", accuracy(net))
for layer in (net[0], net[2]):
    prune.remove(layer, "weight")
print(accuracy(net))
"""
)

LORA = (
    START
    + """
class LoRA(nn.Module):
    def __init__(self, base, r=4):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.a = nn.Parameter(torch.randn(r, base.in_features) / base.in_features ** 0.5)
        self.b = nn.Parameter(torch.zeros(base.out_features, r))
    def forward(self, x):
        return self.base(x) + x @ self.a.t() @ self.b.t()
net = mlp()
opt = torch.optim.Adam(net.parameters(), 2e-3)
low = ytr < 5
for epoch in range(5):
    for rows in low.nonzero()[:, 0][torch.randperm(int(low.sum()))].split(64):
        loss = F.cross_entropy(net(Xtr[rows]), ytr[rows])
        opt.zero_grad(); loss.backward(); opt.step()
net[0], net[2] = LoRA(net[0]), LoRA(net[2], 8)
opt = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], 1e-2)
for epoch in range(10):
    net.train()
    for xb, yb in batches():
        loss = F.cross_entropy(net(xb), yb)
        opt.zero_grad(); loss.backward(); opt.step()
    print(epoch, accuracy(net))
"""
)

CHECKPOINTING = (
    START
    + """
from torch.utils.checkpoint import checkpoint
a, b, c = nn.Sequential(nn.Linear(64, 64), nn.ReLU()), nn.Sequential(nn.Linear(64, 64), nn.ReLU()), nn.Linear(64, 10)
net = nn.Sequential(a, b, c)
opt = torch.optim.Adam(net.parameters(), 2e-3)
for epoch in range(8):
    net.train()
    for xb, yb in batches():
        h = checkpoint(a, xb, use_reentrant=False)
        h = checkpoint(b, h, use_reentrant=False)
        loss = F.cross_entropy(c(h), yb)
        opt.zero_grad(); loss.backward(); opt.step()
    print(epoch, accuracy(net))
"""
)

SNAPSHOTS = (
    START
    + """
net = mlp()
opt = torch.optim.SGD(net.parameters(), 0.2, momentum=0.9)
sched = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, T_0=4)
kept = []
for epoch in range(12):
    net.train()
    for i, (xb, yb) in enumerate(batches()):
        loss = F.cross_entropy(net(xb), yb)
        opt.zero_grad(); loss.backward(); opt.step()
        sched.step(epoch + i / 19)
    if epoch % 4 == 3:
        kept.append(copy.deepcopy(net.state_dict()))
probs = 0
for state in kept:
    net.load_state_dict(state)
    net.eval()
    with torch.no_grad():
        probs = probs + net(Xva).softmax(1)
print("snapshots", (probs.argmax(1) == yva).float().mean().item())
"""
)

TTA = (
    START
    + """
net = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.Adam(net.parameters(), 2e-3)
for epoch in range(8):
    net.train()
    for xb, yb in batches():
        loss = F.cross_entropy(net(xb), yb)
        opt.zero_grad(); loss.backward(); opt.step()
print("before the shift", accuracy(net))
shifted = Xva * 0.6 + 0.8
net.eval()
with torch.no_grad():
    print("shifted", (net(shifted).argmax(1) == yva).float().mean().item())
adapted = copy.deepcopy(net)
adapted[1].reset_running_stats()
adapted[1].momentum = None
adapted.train()
with torch.no_grad():
    for part in shifted.split(100):
        adapted(part)
adapted.eval()
with torch.no_grad():
    print("adapted", (adapted(shifted).argmax(1) == yva).float().mean().item())
"""
)

COTEACHING = (
    START
    + """
noisy = ytr.clone()
flip = torch.rand(len(ytr)) < 0.2
noisy[flip] = torch.randint(0, 10, (int(flip.sum()),))
one, two = mlp(), mlp()
o1, o2 = torch.optim.Adam(one.parameters(), 1e-3), torch.optim.Adam(two.parameters(), 1e-3)
for epoch in range(10):
    keep = 1 - min(0.2, 0.04 * epoch)
    for rows in torch.randperm(len(Xtr)).split(64):
        l1 = F.cross_entropy(one(Xtr[rows]), noisy[rows], reduction="none")
        l2 = F.cross_entropy(two(Xtr[rows]), noisy[rows], reduction="none")
        n = int(keep * len(rows))
        for1, for2 = l2.argsort()[:n], l1.argsort()[:n]
        o1.zero_grad(); l1[for1].mean().backward(); o1.step()
        o2.zero_grad(); l2[for2].mean().backward(); o2.step()
    print(epoch, accuracy(one), accuracy(two))
"""
)

WORDS = """import math, torch, torch.nn as nn
torch.manual_seed(0)
rules = torch.randint(0, 20, (20, 2))
text, a = [], 0
for _ in range(6000):
    a = int(rules[a, int(torch.rand(()) < 0.3)])
    text.append(a)
data = torch.tensor(text)
def batchify(d, n):
    m = len(d) // n
    return d[: m * n].view(n, m).t().contiguous()
train, valid = batchify(data[:5000], 10), batchify(data[5000:], 5)
class RNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.2)
        self.encoder = nn.Embedding(20, 32)
        self.rnn = nn.LSTM(32, 64)
        self.decoder = nn.Linear(64, 20)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)
    def forward(self, x, h):
        out, h = self.rnn(self.drop(self.encoder(x)), h)
        return self.decoder(self.drop(out)).view(-1, 20), h
def get_batch(source, i, bptt=20):
    n = min(bptt, len(source) - 1 - i)
    return source[i:i + n], source[i + 1:i + 1 + n].reshape(-1)
def repackage(h):
    return tuple(v.detach() for v in h)
net, crit = RNN(), nn.CrossEntropyLoss()
lr, best = 5.0, None
def evaluate(source):
    net.eval()
    total, h = 0., (torch.zeros(1, 5, 64), torch.zeros(1, 5, 64))
    with torch.no_grad():
        for i in range(0, len(source) - 1, 20):
            x, t = get_batch(source, i)
            out, h = net(x, h)
            h = repackage(h)
            total += len(x) * crit(out, t).item()
    return total / (len(source) - 1)
for epoch in range(6):
    net.train()
    h = (torch.zeros(1, 10, 64), torch.zeros(1, 10, 64))
    for i in range(0, len(train) - 1, 20):
        x, t = get_batch(train, i)
        net.zero_grad()
        h = repackage(h)
        out, h = net(x, h)
        loss = crit(out, t)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.25)
        for p in net.parameters():
            p.data.add_(p.grad, alpha=-lr)
    v = evaluate(valid)
    print(f"epoch {epoch} valid ppl {math.exp(v):.2f}")
    if not best or v < best:
        best = v
    else:
        lr /= 4.0
"""

NAMES = """import random, torch, torch.nn as nn
torch.manual_seed(0); random.seed(0)
ends = {"a": "aeiou", "b": "xyzkq", "c": "rstln"}
def name(k):
    return "".join(random.choice("abcdefghijklm") for _ in range(random.randint(2, 5))) + "".join(random.choice(ends[k]) for _ in range(2))
names = {k: [name(k) for _ in range(200)] for k in ends}
letters = "abcdefghijklmnopqrstuvwxyz"
def tensor(line):
    t = torch.zeros(len(line), 1, len(letters))
    for i, ch in enumerate(line):
        t[i][0][letters.find(ch)] = 1
    return t
class RNN(nn.Module):
    def __init__(self, n, h, out):
        super().__init__()
        self.h = h
        self.i2h = nn.Linear(n + h, h)
        self.i2o = nn.Linear(n + h, out)
        self.softmax = nn.LogSoftmax(dim=1)
    def forward(self, x, hidden):
        both = torch.cat((x, hidden), 1)
        return self.softmax(self.i2o(both)), torch.tanh(self.i2h(both))
rnn, crit = RNN(26, 32, 3), nn.NLLLoss()
keys = list(names)
total = 0
for it in range(1, 1201):
    k = random.choice(keys)
    line, target = tensor(random.choice(names[k][:150])), torch.tensor([keys.index(k)])
    hidden = torch.zeros(1, rnn.h)
    rnn.zero_grad()
    for i in range(len(line)):
        out, hidden = rnn(line[i], hidden)
    loss = crit(out, target)
    loss.backward()
    for p in rnn.parameters():
        p.data.add_(p.grad.data, alpha=-0.05)
    total += loss.item()
    if it % 200 == 0:
        print(it, total / 200)
        total = 0
right = n = 0
with torch.no_grad():
    for k in keys:
        for word in names[k][150:]:
            hidden = torch.zeros(1, rnn.h)
            for x in tensor(word):
                out, hidden = rnn(x, hidden)
            right += out.topk(1)[1].item() == keys.index(k)
            n += 1
print("accuracy", right / n)
"""

PPO = """import torch, torch.nn as nn, torch.nn.functional as F
from torch.distributions import Categorical
torch.manual_seed(0)
class Line:
    def reset(self):
        self.p, self.t = 0, 0
        return self.see()
    def see(self):
        return torch.tensor([self.p / 5, self.t / 20])
    def step(self, a):
        self.p += 1 if a == 1 else -1
        self.t += 1
        done = abs(self.p) >= 5 or self.t >= 20
        return self.see(), (1.0 if self.p >= 5 else -0.02), done
actor = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2))
critic = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
opt = torch.optim.Adam([*actor.parameters(), *critic.parameters()], 5e-3)
env = Line()
for it in range(25):
    S, A, R, LP = [], [], [], []
    total = 0
    for _ in range(8):
        s, done, rewards = env.reset(), False, []
        while not done:
            with torch.no_grad():
                d = Categorical(logits=actor(s))
                a = d.sample()
            S.append(s); A.append(a); LP.append(d.log_prob(a))
            s, r, done = env.step(a.item())
            rewards.append(r)
        g, returns = 0, []
        for r in reversed(rewards):
            g = r + 0.97 * g
            returns.insert(0, g)
        R += returns
        total += sum(rewards)
    S, A, LP, R = torch.stack(S), torch.stack(A), torch.stack(LP), torch.tensor(R)
    adv = R - critic(S).squeeze(1).detach()
    adv = (adv - adv.mean()) / (adv.std() + 1e-8)
    for _ in range(4):
        d = Categorical(logits=actor(S))
        ratio = (d.log_prob(A) - LP).exp()
        policy = -torch.min(ratio * adv, ratio.clamp(0.8, 1.2) * adv).mean()
        value = F.mse_loss(critic(S).squeeze(1), R)
        loss = policy + 0.5 * value - 0.01 * d.entropy().mean()
        opt.zero_grad(); loss.backward(); opt.step()
    if it % 5 == 4:
        print(it, total / 8)
"""

MLM = """import torch, torch.nn as nn, torch.nn.functional as F
torch.manual_seed(0)
V, MASK = 30, 29
def sentences(n):
    start = torch.randint(0, 28, (n, 1))
    step = torch.randint(1, 4, (n, 1))
    return (start + step * torch.arange(12)) % 28
train, valid = sentences(800), sentences(200)
class Bert(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok, self.pos = nn.Embedding(V, 48), nn.Embedding(12, 48)
        layer = nn.TransformerEncoderLayer(48, 4, 96, 0.1, batch_first=True)
        self.enc, self.out = nn.TransformerEncoder(layer, 2), nn.Linear(48, V)
    def forward(self, x):
        return self.out(self.enc(self.tok(x) + self.pos(torch.arange(12))))
def masked(x):
    labels = x.clone()
    chosen = torch.rand(x.shape) < 0.25
    labels[~chosen] = -100
    x = x.clone()
    how = torch.rand(x.shape)
    x[chosen & (how < 0.8)] = MASK
    swap = chosen & (how >= 0.9)
    x[swap] = torch.randint(0, 28, x.shape)[swap]
    return x, labels
net = Bert()
opt = torch.optim.AdamW(net.parameters(), 3e-3)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min((s + 1) / 30, 1.0))
for epoch in range(6):
    net.train()
    for rows in torch.randperm(800).split(64):
        x, t = masked(train[rows])
        loss = F.cross_entropy(net(x).flatten(0, 1), t.flatten(), ignore_index=-100)
        opt.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step(); sched.step()
    net.eval()
    with torch.no_grad():
        torch.manual_seed(1)
        x, t = masked(valid)
        out = net(x)
        where = t != -100
        print(epoch, (out.argmax(-1)[where] == t[where]).float().mean().item())
"""

SUPER = (
    START
    + """
hi = X.view(-1, 1, 8, 8)
lo = F.avg_pool2d(hi, 2)
class ESPCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(1, 32, 3, padding=1), nn.Conv2d(32, 4, 3, padding=1)
        self.up = nn.PixelShuffle(2)
    def forward(self, x):
        return self.up(self.c2(F.relu(self.c1(x))))
net = ESPCN()
opt = torch.optim.Adam(net.parameters(), 2e-3)
for epoch in range(10):
    net.train()
    total = 0
    for rows in torch.randperm(1200).split(64):
        loss = F.mse_loss(net(lo[rows]), hi[rows])
        opt.zero_grad(); loss.backward(); opt.step()
        total += loss.item()
    net.eval()
    psnr = 0
    parts = torch.arange(1200, 1797).split(64)
    with torch.no_grad():
        for rows in parts:
            psnr += 10 * math.log10(1 / F.mse_loss(net(lo[rows]), hi[rows]).item())
    print(f"epoch {epoch} PSNR {psnr / len(parts):.2f} dB")
"""
)

HYPER = (
    START
    + """
class Hyper(nn.Module):
    def __init__(self):
        super().__init__()
        self.z = nn.Parameter(torch.randn(10, 8))
        self.make = nn.Linear(8, 65)
    def forward(self, x):
        w = self.make(self.z)
        return F.linear(x, w[:, :64] * 0.2, w[:, 64])
net = Hyper()
opt = torch.optim.Adam(net.parameters(), 1e-2)
for epoch in range(10):
    net.train()
    for xb, yb in batches():
        loss = F.cross_entropy(net(xb), yb)
        opt.zero_grad(); loss.backward(); opt.step()
    print(epoch, accuracy(net))
"""
)

SUPPORT = (
    START
    + """
class Few(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
    def forward(self, x):
        return self.body(x)
net = Few()
opt = torch.optim.Adam(net.parameters(), 1e-3)
def episode(xs, ys, classes):
    ways = random.sample(classes, 5)
    s, q, t = [], [], []
    for j, c in enumerate(ways):
        rows = (ys == c).nonzero()[:, 0]
        rows = rows[torch.randperm(len(rows))[:10]]
        s.append(xs[rows[:5]]); q.append(xs[rows[5:]]); t += [j] * 5
    return torch.stack(s), torch.cat(q), torch.tensor(t)
def logits(s, q):
    proto = net(s.flatten(0, 1)).view(5, 5, -1).mean(1)
    return -torch.cdist(net(q), proto) ** 2
for it in range(200):
    net.train()
    s, q, t = episode(Xtr, ytr, list(range(10)))
    loss = F.cross_entropy(logits(s, q), t)
    opt.zero_grad(); loss.backward(); opt.step()
net.eval()
accs = []
with torch.no_grad():
    for _ in range(40):
        s, q, t = episode(Xva, yva, list(range(10)))
        accs.append((logits(s, q).argmax(1) == t).float().mean().item())
print("few-shot accuracy", sum(accs) / len(accs))
"""
)

DIFFUSION = (
    START
    + """
T = 50
beta = torch.linspace(1e-3, 0.1, T)
abar = (1 - beta).cumprod(0)
net = nn.Sequential(nn.Linear(65, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 64))
opt = torch.optim.Adam(net.parameters(), 1e-3)
for epoch in range(12):
    net.train()
    for xb, _ in batches():
        t = torch.randint(0, T, (len(xb),))
        eps = torch.randn_like(xb)
        a = abar[t][:, None]
        noisy = a.sqrt() * xb + (1 - a).sqrt() * eps
        loss = F.mse_loss(net(torch.cat([noisy, t[:, None] / T], 1)), eps)
        opt.zero_grad(); loss.backward(); opt.step()
    print(epoch, loss.item())
net.eval()
with torch.no_grad():
    x = torch.randn(16, 64)
    for t in reversed(range(T)):
        e = net(torch.cat([x, torch.full((16, 1), t / T)], 1))
        x = (x - beta[t] / (1 - abar[t]).sqrt() * e) / (1 - beta[t]).sqrt()
        if t:
            x = x + beta[t].sqrt() * torch.randn_like(x)
print("samples", x.mean().item(), x.std().item())
"""
)

RIGHT: list[tuple[str, Patch]] = [
    (program, ()) for name, program in sorted(globals().items()) if name.isupper() and name != "START"
]
WRONG: list = []
ACCUSED_ONCE = MISSED_ONCE = ()

SILENT = (ACTIVE, ATTACK, DIFFUSION, GRADCAM, PSEUDO, REPLAY, SAM)
"""Each was accused once."""
