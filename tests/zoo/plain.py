"""Two plain programs of thirty lines, as a tutorial has them: the many right ways to write a line of them, and wrong ones.

A patch is a sequence of (old, new); every place that holds the old text is changed.
"""

Patch = tuple[tuple[str, str], ...]

CLASSES = """import torch, torch.nn as nn, torch.nn.functional as F
torch.manual_seed(0)
N, D, K = 400, 10, 4
centers = torch.randn(K, D) * 2
y = torch.randint(0, K, (N,))
X = centers[y] + torch.randn(N, D)
X = (X - X[:300].mean(0)) / X[:300].std(0)
Xtr, ytr, Xte, yte = X[:300], y[:300], X[300:], y[300:]
#DATA
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(D, 32)
        self.drop = nn.Dropout(0.2)
        self.fc2 = nn.Linear(32, 32)
        self.fc3 = nn.Linear(32, K)
    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = self.drop(x)
        x = F.relu(self.fc2(x))
        return self.fc3(x)
model = Net()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
crit = nn.CrossEntropyLoss()
for epoch in range(60):
    model.train()
    out = model(Xtr)
    loss = crit(out, ytr)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if epoch % 10 == 9:
        model.eval()
        with torch.no_grad():
            acc = (model(Xte).argmax(1) == yte).float().mean().item()
        print(f"epoch {epoch} loss {loss.item():.4f} acc {acc:.4f}")
"""

NUMBERS = """import torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader
torch.manual_seed(0)
N, D = 600, 6
X = torch.randn(N, D)
w = torch.randn(D)
Y = torch.sin(X @ w) + 0.5 * X[:, 0] + 0.05 * torch.randn(N)
Y = (Y - Y[:450].mean()) / Y[:450].std()
#DATA
train = DataLoader(TensorDataset(X[:450], Y[:450]), batch_size=32, shuffle=True)
test = DataLoader(TensorDataset(X[450:], Y[450:]), batch_size=64)
model = nn.Sequential(nn.Linear(D, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(12):
    model.train()
    for xb, yb in train:
        pred = model(xb).squeeze(1)
        loss = F.mse_loss(pred, yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    model.eval()
    total = 0.0
    with torch.no_grad():
        for xb, yb in test:
            total += F.mse_loss(model(xb).squeeze(1), yb, reduction="sum").item()
    print("epoch", epoch, "test mse", total / 150)
"""

RIGHT: list[tuple[str, Patch]] = [
    (CLASSES, (("loss = crit(out, ytr)", "loss = -F.log_softmax(out, 1)[range(300), ytr].mean()"),)),
    (CLASSES, (("loss = crit(out, ytr)", "loss = -(F.one_hot(ytr, K) * F.log_softmax(out, 1)).sum(1).mean()"),)),
    (
        CLASSES,
        (("loss = crit(out, ytr)", "loss = torch.logsumexp(out, 1).mean() - out[torch.arange(300), ytr].mean()"),),
    ),
    (
        CLASSES,
        (
            (
                "loss = crit(out, ytr)",
                "z = out - out.max(1, keepdim=True).values; loss = (z.exp().sum(1).log() - z.gather(1, ytr[:, None]).squeeze(1)).mean()",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "loss = crit(out, ytr)",
                "p = out.exp() / out.exp().sum(1, keepdim=True); loss = -p.gather(1, ytr.unsqueeze(1)).log().mean()",
            ),
        ),
    ),
    (CLASSES, (("loss = crit(out, ytr)", "loss = F.cross_entropy(out, ytr, label_smoothing=0.1)"),)),
    (CLASSES, (("loss = crit(out, ytr)", "loss = F.cross_entropy(out, ytr, weight=torch.tensor([1., 2., 1., .5]))"),)),
    (
        CLASSES,
        (
            (
                "loss = crit(out, ytr)",
                "ce = F.cross_entropy(out, ytr, reduction='none'); pt = torch.exp(-ce); loss = ((1 - pt) ** 2 * ce).mean()",
            ),
        ),
    ),
    (CLASSES, (("loss = crit(out, ytr)", "loss = F.multi_margin_loss(out, ytr)"),)),
    (
        CLASSES,
        (
            (
                "loss = crit(out, ytr)",
                "t = F.one_hot(ytr, K).float(); loss = F.binary_cross_entropy_with_logits(out, t)",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "loss = crit(out, ytr)",
                "t = F.one_hot(ytr, K).float(); loss = F.binary_cross_entropy(torch.sigmoid(out), t)",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "loss = crit(out, ytr)",
                "t = F.one_hot(ytr, K).float(); p = torch.sigmoid(out); loss = -(t * torch.log(p + 1e-7) + (1 - t) * torch.log(1 - p + 1e-7)).mean()",
            ),
        ),
    ),
    (CLASSES, (("loss = crit(out, ytr)", "t = F.one_hot(ytr, K).float(); loss = (F.softplus(out) - t * out).mean()"),)),
    (CLASSES, (("loss = crit(out, ytr)", "loss = -torch.distributions.Categorical(logits=out).log_prob(ytr).mean()"),)),
    (
        CLASSES,
        (
            (
                "loss = crit(out, ytr)",
                "loss = F.kl_div(F.log_softmax(out, 1), F.one_hot(ytr, K).float() * 0.9 + 0.025, reduction='batchmean')",
            ),
        ),
    ),
    (
        CLASSES,
        (("loss = crit(out, ytr)", "loss = crit(out, ytr) + 1e-3 * sum(p.pow(2).sum() for p in model.parameters())"),),
    ),
    (
        CLASSES,
        (
            (
                "loss = crit(out, ytr)",
                "loss = crit(out, ytr) - 0.01 * torch.distributions.Categorical(logits=out).entropy().mean()",
            ),
        ),
    ),
    (CLASSES, (("loss = crit(out, ytr)", "loss = (crit(out, ytr) - 0.02).abs() + 0.02"),)),
    (CLASSES, (("loss = crit(out, ytr)", "loss = crit(out, ytr) / 1"),)),
    (
        CLASSES,
        (
            (
                "loss = crit(out, ytr)",
                "lam = float(torch.distributions.Beta(.4, .4).sample()); i = torch.randperm(300); out = model(lam * Xtr + (1 - lam) * Xtr[i]); loss = lam * crit(out, ytr) + (1 - lam) * crit(out, ytr[i])",
            ),
        ),
    ),
    (CLASSES, (("loss = crit(out, ytr)", "loss = crit(out[:, :], ytr).mean()"),)),
    (
        CLASSES,
        (
            (
                "loss = crit(out, ytr)",
                "w = torch.rand(300) + .5; loss = (F.cross_entropy(out, ytr, reduction='none') * w).sum() / w.sum()",
            ),
        ),
    ),
    (
        CLASSES,
        (("opt = torch.optim.Adam(model.parameters(), lr=1e-2)", "opt = torch.optim.SGD(model.parameters(), lr=0.1)"),),
    ),
    (
        CLASSES,
        (
            (
                "opt = torch.optim.Adam(model.parameters(), lr=1e-2)",
                "opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "opt = torch.optim.Adam(model.parameters(), lr=1e-2)",
                "opt = torch.optim.RMSprop(model.parameters(), lr=3e-3)",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "opt = torch.optim.Adam(model.parameters(), lr=1e-2)",
                "opt = torch.optim.AdamW([{'params': [p for p in model.parameters() if p.dim() > 1], 'weight_decay': .01}, {'params': [p for p in model.parameters() if p.dim() < 2], 'weight_decay': 0.}], lr=1e-2)",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "opt = torch.optim.Adam(model.parameters(), lr=1e-2)",
                "opt = torch.optim.Adagrad(model.parameters(), lr=5e-2)",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "opt = torch.optim.Adam(model.parameters(), lr=1e-2)",
                "opt = torch.optim.LBFGS(model.parameters(), lr=0.2)",
            ),
            (
                "    opt.zero_grad()\n    loss.backward()\n    opt.step()\n",
                "    def closure():\n        opt.zero_grad()\n        l = crit(model(Xtr), ytr)\n        l.backward()\n        return l\n    opt.step(closure)\n",
            ),
            ("range(60)", "range(10)"),
            ("self.drop = nn.Dropout(0.2)", "self.drop = nn.Identity()"),
        ),
    ),
    (
        CLASSES,
        (
            (
                "    opt.zero_grad()\n    loss.backward()\n    opt.step()\n",
                "    model.zero_grad()\n    loss.backward()\n    with torch.no_grad():\n        for p in model.parameters():\n            p -= 0.1 * p.grad\n",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "    opt.zero_grad()\n    loss.backward()\n    opt.step()\n",
                "    grads = torch.autograd.grad(loss, list(model.parameters()))\n    with torch.no_grad():\n        for p, g in zip(model.parameters(), grads):\n            p.sub_(0.1 * g)\n",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "    opt.zero_grad()\n    loss.backward()\n    opt.step()\n",
                "    loss.backward()\n    opt.step()\n    for p in model.parameters():\n        p.grad = None\n",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "    opt.zero_grad()\n    loss.backward()\n    opt.step()\n",
                "    opt.zero_grad()\n    loss.backward()\n    nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n    opt.step()\n",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "    opt.zero_grad()\n    loss.backward()\n    opt.step()\n",
                "    opt.zero_grad()\n    loss.backward()\n    nn.utils.clip_grad_value_(model.parameters(), 0.5)\n    opt.step()\n",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "    out = model(Xtr)\n    loss = crit(out, ytr)\n    opt.zero_grad()\n    loss.backward()\n    opt.step()\n",
                "    opt.zero_grad()\n    for i in torch.randperm(300).split(75):\n        loss = crit(model(Xtr[i]), ytr[i]) / 4\n        loss.backward()\n    opt.step()\n",
            ),
        ),
    ),
    (
        CLASSES,
        (
            ("crit = nn", "sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 60)\ncrit = nn"),
            ("    opt.step()\n", "    opt.step()\n    sched.step()\n"),
        ),
    ),
    (
        CLASSES,
        (
            ("crit = nn", "sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, patience=3)\ncrit = nn"),
            ("    opt.step()\n", "    opt.step()\n    sched.step(loss.item())\n"),
        ),
    ),
    (
        CLASSES,
        (
            ("crit = nn", "sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda e: min(1, (e + 1) / 10))\ncrit = nn"),
            ("    opt.step()\n", "    opt.step()\n    sched.step()\n"),
        ),
    ),
    (
        CLASSES,
        (("    opt.step()\n", "    opt.step()\n    for g in opt.param_groups: g['lr'] = 1e-2 * (1 - epoch / 60)\n"),),
    ),
    (
        CLASSES,
        (
            (
                "acc = (model(Xte).argmax(1) == yte).float().mean().item()",
                "pred = model(Xte).argmax(dim=-1).numpy(); acc = (pred == yte.numpy()).mean()",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "acc = (model(Xte).argmax(1) == yte).float().mean().item()",
                "from sklearn.metrics import accuracy_score; acc = accuracy_score(yte, model(Xte).argmax(1))",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "acc = (model(Xte).argmax(1) == yte).float().mean().item()",
                "correct = (model(Xte).argmax(1) == yte).sum().item(); acc = 100. * correct / len(Xte)",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "acc = (model(Xte).argmax(1) == yte).float().mean().item()",
                "acc = model(Xte).max(1).indices.eq(yte).float().mean().item()",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "acc = (model(Xte).argmax(1) == yte).float().mean().item()",
                "acc = (model(Xte).topk(2, 1).indices == yte[:, None]).any(1).float().mean().item()",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "acc = (model(Xte).argmax(1) == yte).float().mean().item()",
                "acc = sum(int(a == b) for a, b in zip(model(Xte).argmax(1).tolist(), yte.tolist())) / len(yte)",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "acc = (model(Xte).argmax(1) == yte).float().mean().item()",
                "acc = 1 - (model(Xte).argmax(1) != yte).float().mean().item()",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "acc = (model(Xte).argmax(1) == yte).float().mean().item()",
                "pr = model(Xte).argmax(1); acc = torch.stack([(pr[yte == c] == c).float().mean() for c in range(K)]).mean().item()",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "acc = (model(Xte).argmax(1) == yte).float().mean().item()",
                "acc = (model(Xte).argmax(1) == yte).float().mean().item(); tr = (model(Xtr).argmax(1) == ytr).float().mean().item(); print('train', tr)",
            ),
        ),
    ),
    (CLASSES, (("    if epoch % 10 == 9:\n", "    if epoch == 59:\n"),)),
    (
        CLASSES,
        (
            (
                "        model.eval()\n",
                "        model.eval(); best = {k: v.clone() for k, v in model.state_dict().items()}\n",
            ),
        ),
    ),
    (CLASSES, (("self.drop = nn.Dropout(0.2)", "self.drop = nn.BatchNorm1d(32)"),)),
    (CLASSES, (("self.drop = nn.Dropout(0.2)", "self.drop = nn.LayerNorm(32)"),)),
    (CLASSES, (("self.drop = nn.Dropout(0.2)", "self.drop = nn.Identity()"),)),
    (CLASSES, (("x = self.drop(x)\n        x = F.relu(self.fc2(x))", "x = x + self.drop(F.relu(self.fc2(x)))"),)),
    (
        CLASSES,
        (
            (
                "self.fc3 = nn.Linear(32, K)",
                "self.fc3 = nn.Linear(32, K)\n        nn.init.zeros_(self.fc3.weight); nn.init.zeros_(self.fc3.bias)",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "self.fc3 = nn.Linear(32, K)",
                "self.fc3 = nn.Linear(32, K)\n        nn.init.zeros_(self.fc2.weight); nn.init.zeros_(self.fc2.bias)",
            ),
            ("x = F.relu(self.fc2(x))", "x = x + self.fc2(x)"),
        ),
    ),
    (
        CLASSES,
        (
            (
                "self.fc3 = nn.Linear(32, K)",
                "self.fc3 = nn.Linear(32, K)\n        for m in (self.fc1, self.fc2): nn.init.kaiming_normal_(m.weight); nn.init.zeros_(m.bias)",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "self.fc3 = nn.Linear(32, K)",
                "self.fc3 = nn.Linear(32, K)\n        for m in (self.fc1, self.fc2): nn.init.orthogonal_(m.weight)",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "self.fc3 = nn.Linear(32, K)",
                "self.fc3 = nn.Linear(32, K)\n        for m in (self.fc1, self.fc2, self.fc3): nn.init.normal_(m.weight, std=0.02)",
            ),
        ),
    ),
    (CLASSES, (("F.relu(self.fc1(x))", "torch.sigmoid(self.fc1(x))"),)),
    (CLASSES, (("F.relu(self.fc1(x))", "F.gelu(self.fc1(x))"), ("F.relu(self.fc2(x))", "F.silu(self.fc2(x))"))),
    (
        CLASSES,
        (("self.fc2 = nn.Linear(32, 32)", "self.fc2 = nn.utils.parametrizations.weight_norm(nn.Linear(32, 32))"),),
    ),
    (
        CLASSES,
        (("self.fc2 = nn.Linear(32, 32)", "self.fc2 = nn.utils.parametrizations.spectral_norm(nn.Linear(32, 32))"),),
    ),
    (CLASSES, (("x = F.relu(self.fc2(x))", "for _ in range(3): x = torch.tanh(self.fc2(x))"),)),
    (CLASSES, (("opt = torch", "for p in model.fc1.parameters(): p.requires_grad_(False)\nopt = torch"),)),
    (CLASSES, (("model.parameters(), lr", "filter(lambda p: p.requires_grad, model.parameters()), lr"),)),
    (CLASSES, (("return self.fc3(x)", "a = self.fc3(x)\n        return a / 0.5"),)),
    (
        CLASSES,
        (
            ("return self.fc3(x)", "return F.log_softmax(self.fc3(x), -1)"),
            ("crit = nn.CrossEntropyLoss()", "crit = nn.NLLLoss()"),
        ),
    ),
    (CLASSES, (("return self.fc3(x)", "return F.log_softmax(self.fc3(x), -1)"),)),
    (CLASSES, (("#DATA", "Xtr = Xtr + 0.0"), ("out = model(Xtr)", "out = model(Xtr + 0.05 * torch.randn_like(Xtr))"))),
    (CLASSES, (("#DATA", "i = torch.randperm(300); Xtr, ytr = Xtr[i], ytr[i]"),)),
    (
        CLASSES,
        (
            (
                "    out = model(Xtr)\n    loss = crit(out, ytr)\n    opt.zero_grad()\n    loss.backward()\n    opt.step()\n",
                "    for _ in range(5):\n        i = torch.randint(0, 300, (32,))\n        loss = crit(model(Xtr[i]), ytr[i])\n        opt.zero_grad()\n        loss.backward()\n        opt.step()\n",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "    out = model(Xtr)\n    loss = crit(out, ytr)\n    opt.zero_grad()\n    loss.backward()\n    opt.step()\n",
                "    p = torch.randperm(300)\n    for b in range(0, 300, 32):\n        i = p[b:b + 32]\n        loss = crit(model(Xtr[i]), ytr[i])\n        opt.zero_grad()\n        loss.backward()\n        opt.step()\n",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "X = (X - X[:300].mean(0)) / X[:300].std(0)",
                "X = (X - X[:300].min(0).values) / (X[:300].max(0).values - X[:300].min(0).values)",
            ),
        ),
    ),
    (
        CLASSES,
        (
            (
                "X = (X - X[:300].mean(0)) / X[:300].std(0)",
                "from sklearn.preprocessing import StandardScaler; sc = StandardScaler().fit(X[:300]); X = torch.tensor(sc.transform(X), dtype=torch.float32)",
            ),
        ),
    ),
    (CLASSES, (("X = (X - X[:300].mean(0)) / X[:300].std(0)", "X = X / X[:300].abs().max()"),)),
    (CLASSES, (("X = (X - X[:300].mean(0)) / X[:300].std(0)", "X = F.normalize(X, dim=1) * 3"),)),
    (
        CLASSES,
        (
            ("#DATA", "sw = torch.optim.swa_utils"),
            (
                "opt = torch",
                "avg = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))\nopt = torch",
            ),
            ("    opt.step()\n", "    opt.step()\n    avg.update_parameters(model)\n"),
            ("(model(Xte)", "(avg(Xte)"),
            ("model.eval()", "model.eval(); avg.eval()"),
        ),
    ),
    (NUMBERS, (("loss = F.mse_loss(pred, yb)", "loss = ((pred - yb) ** 2).mean()"),)),
    (NUMBERS, (("loss = F.mse_loss(pred, yb)", "loss = (pred - yb).pow(2).sum() / len(yb)"),)),
    (NUMBERS, (("loss = F.mse_loss(pred, yb)", "loss = F.l1_loss(pred, yb)"),)),
    (NUMBERS, (("loss = F.mse_loss(pred, yb)", "loss = F.huber_loss(pred, yb)"),)),
    (NUMBERS, (("loss = F.mse_loss(pred, yb)", "loss = torch.log(torch.cosh(pred - yb)).mean()"),)),
    (NUMBERS, (("loss = F.mse_loss(pred, yb)", "e = yb - pred; loss = torch.max(0.5 * e, -0.5 * e).mean()"),)),
    (NUMBERS, (("loss = F.mse_loss(pred, yb)", "loss = torch.sqrt(F.mse_loss(pred, yb) + 1e-8)"),)),
    (NUMBERS, (("loss = F.mse_loss(pred, yb)", "loss = 0.5 * F.mse_loss(pred, yb)"),)),
    (NUMBERS, (("loss = F.mse_loss(pred, yb)", "loss = F.mse_loss(pred[:, None], yb[:, None])"),)),
    (NUMBERS, (("model(xb).squeeze(1)", "model(xb)[:, 0]"),)),
    (NUMBERS, (("model(xb).squeeze(1)", "model(xb).flatten()"),)),
    (
        NUMBERS,
        (
            ("nn.Linear(64, 1))", "nn.Linear(64, 2))"),
            ("pred = model(xb).squeeze(1)", "o = model(xb); pred, lv = o[:, 0], o[:, 1].clamp(-5, 5)"),
            ("loss = F.mse_loss(pred, yb)", "loss = (0.5 * lv + 0.5 * (yb - pred) ** 2 / lv.exp()).mean()"),
            ("model(xb).squeeze(1)", "model(xb)[:, 0]"),
        ),
    ),
    (
        NUMBERS,
        (
            ("nn.Linear(64, 1))", "nn.Linear(64, 2))"),
            ("pred = model(xb).squeeze(1)", "o = model(xb)"),
            ("loss = F.mse_loss(pred, yb)", "loss = F.gaussian_nll_loss(o[:, 0], yb, F.softplus(o[:, 1]) + 1e-3)"),
            ("model(xb).squeeze(1)", "model(xb)[:, 0]"),
        ),
    ),
    (
        NUMBERS,
        (
            (
                'total += F.mse_loss(model(xb).squeeze(1), yb, reduction="sum").item()',
                "total += F.mse_loss(model(xb).squeeze(1), yb).item() * len(yb)",
            ),
        ),
    ),
    (
        NUMBERS,
        (
            (
                'total += F.mse_loss(model(xb).squeeze(1), yb, reduction="sum").item()',
                "total += ((model(xb).squeeze(1) - yb) ** 2).sum().item()",
            ),
        ),
    ),
    (
        NUMBERS,
        (
            (
                'total += F.mse_loss(model(xb).squeeze(1), yb, reduction="sum").item()',
                "total += (model(xb).squeeze(1) - yb).abs().sum().item()",
            ),
        ),
    ),
    (NUMBERS, (('print("epoch", epoch, "test mse", total / 150)', "print('rmse', (total / 150) ** 0.5)"),)),
    (
        NUMBERS,
        (
            (
                'print("epoch", epoch, "test mse", total / 150)',
                "p = model(X[450:]).detach().numpy()[:, 0]; t = Y[450:].numpy(); print('r2', 1 - ((p - t) ** 2).sum() / ((t - t.mean()) ** 2).sum())",
            ),
        ),
    ),
    (
        NUMBERS,
        (
            ("#DATA", "Y = torch.exp(Y / 2)"),
            ("loss = F.mse_loss(pred, yb)", "loss = F.mse_loss(pred, yb)"),
            ("nn.Linear(64, 1))", "nn.Linear(64, 1), nn.Softplus())"),
        ),
    ),
    (
        NUMBERS,
        (
            ("#DATA", "Y = torch.poisson(torch.exp(Y / 2))"),
            ("loss = F.mse_loss(pred, yb)", "loss = F.poisson_nll_loss(pred, yb)"),
            ("F.mse_loss(model(xb).squeeze(1), yb", "F.mse_loss(model(xb).squeeze(1).exp(), yb"),
        ),
    ),
    (
        NUMBERS,
        (
            ("#DATA", "Y = (Y > 0).float()"),
            ("loss = F.mse_loss(pred, yb)", "loss = F.binary_cross_entropy_with_logits(pred, yb)"),
            (
                'F.mse_loss(model(xb).squeeze(1), yb, reduction="sum").item()',
                "((model(xb).squeeze(1) > 0) == yb.bool()).sum().item()",
            ),
            ("test mse", "accuracy"),
        ),
    ),
    (
        NUMBERS,
        (
            ("#DATA", "Y = (Y > 0).float()"),
            ("nn.Linear(64, 1))", "nn.Linear(64, 1), nn.Sigmoid())"),
            ("loss = F.mse_loss(pred, yb)", "loss = nn.BCELoss()(pred, yb)"),
            (
                'F.mse_loss(model(xb).squeeze(1), yb, reduction="sum").item()',
                "((model(xb).squeeze(1) > 0.5).float() == yb).sum().item()",
            ),
            ("test mse", "accuracy"),
        ),
    ),
    (
        NUMBERS,
        (
            ("#DATA", "Y = torch.where(Y > 0, 1.0, -1.0)"),
            ("loss = F.mse_loss(pred, yb)", "loss = F.softplus(-yb * pred).mean()"),
            (
                'F.mse_loss(model(xb).squeeze(1), yb, reduction="sum").item()',
                "(model(xb).squeeze(1).sign() == yb).sum().item()",
            ),
            ("test mse", "accuracy"),
        ),
    ),
    (
        NUMBERS,
        (
            ("#DATA", "Y = torch.where(Y > 0, 1.0, -1.0)"),
            ("loss = F.mse_loss(pred, yb)", "loss = torch.clamp(1 - yb * pred, min=0).mean()"),
            (
                'F.mse_loss(model(xb).squeeze(1), yb, reduction="sum").item()',
                "(model(xb).squeeze(1).sign() == yb).sum().item()",
            ),
            ("test mse", "accuracy"),
        ),
    ),
    (NUMBERS, (("#DATA", "Y = torch.sigmoid(Y)"), ("nn.Linear(64, 1))", "nn.Linear(64, 1), nn.Sigmoid())"))),
    (NUMBERS, (("opt = torch", "torch.nn.init.constant_(model[4].bias, 0.)\nopt = torch"),)),
    (
        NUMBERS,
        (
            (
                "        opt.zero_grad()\n        loss.backward()\n        opt.step()\n",
                "        loss.backward()\n        opt.step()\n        opt.zero_grad()\n",
            ),
        ),
    ),
    (NUMBERS, (("    model.eval()\n", "    model.train(False)\n"),)),
    (NUMBERS, (("    with torch.no_grad():\n", "    with torch.inference_mode():\n"),)),
    (NUMBERS, (("    model.eval()\n", ""),)),
    (NUMBERS, (("    model.train()\n", ""),)),
    (NUMBERS, (("nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),", "nn.Tanh(), nn.Linear(64, 64), nn.Tanh(),"),)),
    (
        NUMBERS,
        (
            (
                "nn.Sequential(nn.Linear(D, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))",
                "nn.Linear(D, 1)",
            ),
        ),
    ),
    (
        NUMBERS,
        (
            (
                "nn.Sequential(nn.Linear(D, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))",
                "nn.Sequential(nn.Linear(D, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 1))",
            ),
        ),
    ),
    (
        NUMBERS,
        (
            (
                "nn.Sequential(nn.Linear(D, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))",
                "nn.Sequential(nn.Linear(D, 64), nn.LayerNorm(64), nn.GELU(), nn.Dropout(0.1), nn.Linear(64, 1))",
            ),
        ),
    ),
    (NUMBERS, (("Y = (Y - Y[:450].mean()) / Y[:450].std()", "Y = Y"),)),
    (
        NUMBERS,
        (
            ("TensorDataset(X[:450], Y[:450])", "TensorDataset(X[:450] + 0.0, Y[:450])"),
            ("        pred =", "        xb = xb + 0.1 * torch.randn_like(xb)\n        pred ="),
        ),
    ),
    (
        NUMBERS,
        (
            (
                "TensorDataset(X[:450], Y[:450]), batch_size=32, shuffle=True",
                "TensorDataset(X[:450], Y[:450]), batch_size=32, sampler=torch.utils.data.RandomSampler(range(450), replacement=True, num_samples=450)",
            ),
        ),
    ),
    (
        NUMBERS,
        (
            (
                "TensorDataset(X[:450], Y[:450]), batch_size=32, shuffle=True",
                "torch.utils.data.Subset(TensorDataset(X, Y), range(450)), batch_size=32, shuffle=True, drop_last=True",
            ),
        ),
    ),
    (NUMBERS, (("#DATA", "i = torch.randperm(N); X, Y = X[i], Y[i]"),)),
]

WRONG: list[tuple[str, Patch, tuple[str, ...]]] = [
    (
        CLASSES,
        (
            ("return self.fc3(x)", "return F.log_softmax(self.fc3(x), dim=0)"),
            ("crit = nn.CrossEntropyLoss()", "crit = nn.NLLLoss()"),
        ),
        ("softmax-wrong-dim",),
    ),
    (CLASSES, (("return self.fc3(x)", "return F.softmax(self.fc3(x), dim=1)"),), ("loss-expects-logits",)),
    (CLASSES, (("loss = crit(out, ytr)", "loss = crit(torch.softmax(out, -1), ytr)"),), ("loss-expects-logits",)),
    (CLASSES, (("crit = nn.CrossEntropyLoss()", "crit = nn.NLLLoss()"),), ("loss-expects-probabilities",)),
    (CLASSES, (("return self.fc3(x)", "return F.relu(self.fc3(x))"),), ("activation-on-logits",)),
    (CLASSES, (("return self.fc3(x)", "return torch.tanh(self.fc3(x))"),), ("activation-on-logits",)),
    (CLASSES, (("    opt.zero_grad()\n", ""),), ("gradients-accumulate",)),
    (
        CLASSES,
        (("    opt.step()\n", "    opt.step()\n    nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n"),),
        ("clip-after-step",),
    ),
    (CLASSES, (("        model.eval()\n", ""),), ("train-mode-in-evaluation",)),
    (
        CLASSES,
        (("    model.train()\n", ""), ("for epoch in range(60):", "model.train()\nfor epoch in range(60):")),
        ("eval-mode-in-training",),
    ),
    (CLASSES, (("model.parameters(), lr", "model.fc3.parameters(), lr"),), ("parameter-not-in-optimiser",)),
    (
        CLASSES,
        (("model.parameters(), lr", "list(model.fc1.parameters()) + list(model.fc3.parameters()), lr"),),
        ("parameter-not-in-optimiser",),
    ),
    (
        CLASSES,
        (
            (
                "opt = torch.optim.Adam(model.parameters(), lr=1e-2)",
                "opt = torch.optim.Adam(model.parameters(), lr=1e-2)\nmodel = Net()",
            ),
        ),
        ("optimiser-holds-foreign-parameters",),
    ),
    (CLASSES, (("lr=1e-2", "lr=10.0"),), ("learning-rate-too-high",)),
    (
        CLASSES,
        (("torch.optim.Adam(model.parameters(), lr=1e-2)", "torch.optim.SGD(model.parameters(), lr=50.0)"),),
        ("learning-rate-too-high",),
    ),
    (CLASSES, (("lr=1e-2", "lr=1e-8"),), ("learning-rate-too-low",)),
    (
        CLASSES,
        (("torch.optim.Adam(model.parameters(), lr=1e-2)", "torch.optim.SGD(model.parameters(), lr=1e-6)"),),
        ("learning-rate-too-low",),
    ),
    (CLASSES, (("#DATA", "ytr = ytr[torch.randperm(300)]"),), ("labels-out-of-order",)),
    (CLASSES, (("#DATA", "Xtr = Xtr[torch.randperm(300)]"),), ("labels-out-of-order",)),
    (
        CLASSES,
        (("#DATA", "m = torch.rand(300) < 0.4; ytr = ytr.clone(); ytr[m] = torch.randint(0, K, (int(m.sum()),))"),),
        ("labels-corrupt",),
    ),
    (CLASSES, (("#DATA", "ytr = torch.where(ytr == 3, 2, ytr)"),), ("labels-corrupt",)),
    (CLASSES, (("#DATA", "ytr = ytr + 1; yte = yte + 1"),), ("label-out-of-range",)),
    (CLASSES, (("#DATA", "ytr = torch.zeros_like(ytr)"),), ("single-class",)),
    (CLASSES, (("#DATA", "Xtr = Xtr * 500 + 1000; Xte = Xte * 500 + 1000"),), ("input-not-normalised",)),
    (CLASSES, (("#DATA", "Xtr = Xtr / 1000; Xte = Xte / 1000"),), ("input-over-normalised",)),
    (CLASSES, (("#DATA", "Xtr = Xtr.clone(); Xtr[5, 3] = float('nan')"),), ("input-not-finite",)),
    (CLASSES, (("#DATA", "Xtr = Xtr.long().float(); Xte = Xte.long().float()"),), ("input-casting",)),
    (CLASSES, (("#DATA", "Xtr = Xtr.to(torch.uint8).float(); Xte = Xte.to(torch.uint8).float()"),), ("input-casting",)),
    (CLASSES, (("#DATA", "Xtr = Xtr[:1].repeat(300, 1)"),), ("input-degenerate",)),
    (CLASSES, (("out = model(Xtr)", "out = model(torch.zeros_like(Xtr))"),), ("input-ignored", "input-degenerate")),
    (CLASSES, (("x = F.relu(self.fc1(x))", "x = F.relu(self.fc1(torch.zeros_like(x)))"),), ("input-ignored",)),
    (CLASSES, (("#DATA", "Xte = Xte * 20 + 5"),), ("train-eval-preprocessing-differ",)),
    (CLASSES, (("model(Xte)", "model(Xte / 255)"),), ("train-eval-preprocessing-differ",)),
    (CLASSES, (("#DATA", "Xte, yte = Xtr[:100], ytr[:100]"),), ("train-validation-overlap",)),
    (
        CLASSES,
        (("X = (X - X[:300].mean(0)) / X[:300].std(0)", "X = (X - X.mean(0)) / X.std(0)"),),
        ("preprocessing-leak",),
    ),
    (CLASSES, (("loss = crit(out, ytr)", "loss = -crit(out, ytr)"),), ("loss-sign-flipped",)),
    (
        CLASSES,
        (
            ("nn.CrossEntropyLoss()", "nn.CrossEntropyLoss(reduction='sum')"),
            ("torch.optim.Adam(model.parameters(), lr=1e-2)", "torch.optim.SGD(model.parameters(), lr=1e-3)"),
        ),
        ("loss-sum-reduction",),
    ),
    (CLASSES, (("loss = crit(out, ytr)", "loss = torch.clamp(crit(out, ytr), max=1.0)"),), ("loss-clipped",)),
    (
        CLASSES,
        (
            ("self.fc3 = nn.Linear(32, K)", "self.fc3 = nn.Linear(32, 1)"),
            ("loss = crit(out, ytr)", "loss = F.mse_loss(out.squeeze(1), ytr.float())"),
            ("(model(Xte).argmax(1) == yte)", "(model(Xte).squeeze(1).round() == yte)"),
        ),
        ("loss-target-mismatch",),
    ),
    (
        CLASSES,
        (("self.fc3 = nn.Linear(32, K)", "self.fc3 = nn.Linear(32, K); nn.init.normal_(self.fc3.weight, std=5.0)"),),
        ("loss-at-init-off", "bad-initialisation"),
    ),
    (
        CLASSES,
        (
            (
                "loss = crit(out, ytr)",
                "p = F.softmax(out * 500, 1); loss = -torch.log(p[torch.arange(300), ytr]).mean()",
            ),
        ),
        ("loss-not-finite",),
    ),
    (
        CLASSES,
        (
            (
                "self.fc3 = nn.Linear(32, K)",
                "self.fc3 = nn.Linear(32, K)\n        nn.init.constant_(self.fc2.weight, 0.1)",
            ),
        ),
        ("bad-initialisation",),
    ),
    (
        CLASSES,
        (
            (
                "self.fc3 = nn.Linear(32, K)",
                "self.fc3 = nn.Linear(32, K)\n        nn.init.normal_(self.fc2.weight, std=10.0)",
            ),
        ),
        ("bad-initialisation",),
    ),
    (
        CLASSES,
        (("F.relu(self.fc1(x))", "self.fc1(x)"), ("F.relu(self.fc2(x))", "self.fc2(x)")),
        ("missing-nonlinearity",),
    ),
    (
        CLASSES,
        (
            (
                "self.fc3 = nn.Linear(32, K)",
                "self.fc3 = nn.Linear(32, K)\n        nn.init.constant_(self.fc1.bias, -100.0)",
            ),
        ),
        ("dead-units",),
    ),
    (CLASSES, (("F.relu(self.fc1(x))", "torch.sigmoid(50 * self.fc1(x))"),), ("saturated-units",)),
    (CLASSES, (("F.relu(self.fc1(x))", "torch.tanh(self.fc1(x) * 30)"),), ("saturated-units",)),
    (
        CLASSES,
        (("self.fc2 = nn.Linear(32, 32)", "self.fc2 = [nn.Linear(32, 32)]"), ("self.fc2(x)", "self.fc2[0](x)")),
        ("parameter-not-registered",),
    ),
    (
        CLASSES,
        (
            ("self.fc2 = nn.Linear(32, 32)", "self.layers = {'a': nn.Linear(32, 32)}"),
            ("self.fc2(x)", "self.layers['a'](x)"),
        ),
        ("parameter-not-registered",),
    ),
    (
        CLASSES,
        (
            ("self.fc2 = nn.Linear(32, 32)", "self.fc2 = nn.Linear(32, 32); self.bn = nn.BatchNorm1d(32)"),
            ("F.relu(self.fc2(x))", "F.relu(self.bn(self.fc2(x)))"),
        ),
        ("bias-before-batch-norm",),
    ),
    (CLASSES, (("x = F.relu(self.fc2(x))", "x = F.relu(self.fc2(x)).detach()"),), ("gradient-does-not-flow",)),
    (CLASSES, (("x = self.drop(x)", "x = torch.tensor(self.drop(x).tolist())"),), ("gradient-does-not-flow",)),
    (
        CLASSES,
        (("loss = crit(out, ytr)", "loss = crit(out.detach().requires_grad_(), ytr)"),),
        ("gradient-does-not-flow",),
    ),
    (
        CLASSES,
        (
            (
                "self.fc2 = nn.Linear(32, 32)",
                "self.fc2 = nn.Sequential(*[m for _ in range(12) for m in (nn.Linear(32, 32), nn.Sigmoid())])",
            ),
        ),
        ("gradient-vanishing",),
    ),
    (
        CLASSES,
        (
            (
                "self.fc2 = nn.Linear(32, 32)",
                "self.fc2 = nn.Sequential(*[nn.Linear(32, 32) for _ in range(6)])\n        for m in self.fc2: nn.init.normal_(m.weight, std=1.5)",
            ),
        ),
        ("gradient-exploding", "bad-initialisation"),
    ),
    (
        CLASSES,
        (("loss = crit(out, ytr)", "loss = crit(out, ytr) + torch.sqrt((out - out).pow(2).sum())"),),
        ("gradient-not-finite",),
    ),
    (
        CLASSES,
        (
            (
                "        with torch.no_grad():\n            acc = (model(Xte).argmax(1) == yte).float().mean().item()\n",
                "        o = model(Xte); l = crit(o, yte); l.backward(); opt.step()\n        acc = (o.argmax(1) == yte).float().mean().item()\n",
            ),
        ),
        ("backward-in-evaluation",),
    ),
    (
        CLASSES,
        (
            (
                "        with torch.no_grad():\n            acc = (model(Xte).argmax(1) == yte).float().mean().item()\n",
                "        o = model(Xte); l = crit(o, yte); l.backward()\n        acc = (o.argmax(1) == yte).float().mean().item()\n",
            ),
            (
                "    opt.zero_grad()\n    loss.backward()\n    opt.step()\n",
                "    loss.backward()\n    opt.step()\n    opt.zero_grad()\n",
            ),
        ),
        ("backward-in-evaluation",),
    ),
    (
        CLASSES,
        (
            ("crit = nn", "sched = torch.optim.lr_scheduler.StepLR(opt, 5, gamma=0.1)\ncrit = nn"),
            ("    out = model(Xtr)", "    sched.step()\n    out = model(Xtr)"),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (
        CLASSES,
        (
            ("crit = nn", "sched = torch.optim.lr_scheduler.OneCycleLR(opt, 1e-2, total_steps=600)\ncrit = nn"),
            ("    opt.step()\n", "    opt.step()\n    sched.step()\n"),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (CLASSES, (("x = self.drop(x)", "x = F.dropout(x, 0.2)"),), ("dropout-active-in-evaluation",)),
    (CLASSES, (("model(Xte)", "model(Xte + 0.5 * torch.randn_like(Xte))"),), ("evaluation-not-deterministic",)),
    (
        CLASSES,
        (("x = self.drop(x)", "x = self.drop(x) + 0.3 * torch.randn_like(x)"),),
        ("evaluation-not-deterministic",),
    ),
    (
        CLASSES,
        (
            (
                "(model(Xte).argmax(1) == yte).float().mean().item()",
                "(model(Xte).argmax(1) == yte).sum().item() / len(Xtr)",
            ),
        ),
        ("metric-wrong",),
    ),
    (CLASSES, (("x = self.drop(x)", "x = self.drop(x - x.mean(0, keepdim=True))"),), ("examples-mixed",)),
    (CLASSES, (("x = self.drop(x)", "x = self.drop(x).t().reshape(-1, 32)"),), ("examples-mixed",)),
    (
        CLASSES,
        (("return self.fc3(x)", "a = F.softmax(x @ x.t(), -1)\n        return self.fc3(a @ x)"),),
        ("examples-mixed",),
    ),
    (CLASSES, (("return self.fc3(x)", "return self.fc3(x * 0)"),), ("constant-output",)),
    (CLASSES, (("    out = model(Xtr)", "    big = torch.empty(10**14); out = model(Xtr)"),), ("out-of-memory",)),
    (
        CLASSES,
        (
            ("self.drop = nn.Dropout(0.2)", "self.drop = nn.BatchNorm1d(32)"),
            (
                "    out = model(Xtr)\n    loss = crit(out, ytr)\n    opt.zero_grad()\n    loss.backward()\n    opt.step()\n",
                "    for i in torch.randperm(300)[:60].split(2):\n        loss = crit(model(Xtr[i]), ytr[i])\n        opt.zero_grad()\n        loss.backward()\n        opt.step()\n",
            ),
        ),
        ("batch-norm-batch-too-small",),
    ),
    (NUMBERS, (("pred = model(xb).squeeze(1)", "pred = model(xb)"),), ("accidental-broadcast",)),
    (
        NUMBERS,
        (
            ("#DATA", "o = Y[:450].argsort(); X[:450] = X[:450][o].clone(); Y[:450] = Y[:450][o].clone()"),
            ("batch_size=32, shuffle=True", "batch_size=32"),
        ),
        ("data-not-shuffled",),
    ),
    (NUMBERS, (("nn.Linear(64, 1))", "nn.Linear(64, 1), nn.Sigmoid())"),), ("output-range-cannot-reach-targets",)),
    (NUMBERS, (("nn.Linear(64, 1))", "nn.Linear(64, 1), nn.ReLU())"),), ("output-range-cannot-reach-targets",)),
    (NUMBERS, (("#DATA", "Y[:450] = Y[:450][torch.randperm(450)].clone()"),), ("labels-out-of-order",)),
    (
        NUMBERS,
        (
            ("Y = (Y - Y[:450].mean()) / Y[:450].std()", "Y = Y * 10 + 200"),
            ("lr=0.05, momentum=0.9", "lr=1e-4, momentum=0.9"),
        ),
        ("loss-at-init-off",),
    ),
    (
        NUMBERS,
        (('reduction="sum").item()', 'reduction="mean").item()'), ("total / 150", "total / len(test)")),
        ("metric-wrong",),
    ),
    (NUMBERS, (('reduction="sum").item()', ").item()"),), ("metric-wrong",)),
    (NUMBERS, (("total / 150", "total / 450"),), ("metric-wrong",)),
    (NUMBERS, (("lr=0.05", "lr=5.0"),), ("gradient-exploding", "learning-rate-too-high")),
    (NUMBERS, (("lr=0.05", "lr=3.0"),), ("learning-rate-too-high",)),
    (NUMBERS, (("lr=0.05", "lr=1e-7"),), ("learning-rate-too-low",)),
    (NUMBERS, (("loss.backward()", "(-loss).backward()"),), ("loss-sign-flipped",)),
    (
        NUMBERS,
        (("nn.Linear(D, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),", "nn.Linear(D, 64), nn.Linear(64, 64),"),),
        ("missing-nonlinearity",),
    ),
    (NUMBERS, (("#DATA", "X = X * 300 + 5000"), ("lr=0.05", "lr=1e-9")), ("input-not-normalised",)),
    (NUMBERS, (("X[450:], Y[450:]", "X[300:450], Y[300:450]"),), ("train-validation-overlap",)),
    (NUMBERS, (("nn.Linear(64, 1))", "nn.Linear(64, 1), nn.Softmax(dim=1))"),), ("constant-output",)),
    (NUMBERS, (("F.mse_loss(pred, yb)", "F.cross_entropy(pred, yb)"),), ("loss-target-mismatch",)),
    (NUMBERS, (("        opt.zero_grad()\n", ""),), ("gradients-accumulate",)),
    (
        NUMBERS,
        (("        opt.zero_grad()\n", ""), ("    model.train()\n", "    model.train()\n    opt.zero_grad()\n")),
        ("gradients-accumulate",),
    ),
    (NUMBERS, (("#DATA", "Y = torch.ones(N)"),), ("single-class",)),
    (
        NUMBERS,
        (
            (
                "pred = model(xb).squeeze(1)",
                "xb = torch.where(torch.rand(len(xb), 1) < 0.5, -xb, xb); pred = model(xb).squeeze(1)",
            ),
        ),
        ("augmentation-breaks-labels",),
    ),
    (NUMBERS, (("#DATA", "X = X.int().float()"),), ("input-casting",)),
]

ACCUSED_ONCE = (
    "-p.gather(1, ytr.unsqueeze(1)).log().mean()",
    "LBFGS",
    "topk(2, 1)",
    "nn.LayerNorm(32)",
    "F.softplus(-yb * pred)",
)
MISSED_ONCE = (
    "Xte, yte = Xtr[:100], ytr[:100]",
    "total / 450",
    "Y = torch.ones(N)",
    "torch.tensor(self.drop(x).tolist())",
    "nn.init.constant_(self.fc2.weight, 0.1)",
)


def patched(program: str, patch: Patch) -> str:
    """The program with its lines changed.

    Raises:
        ValueError: A patch fits nowhere.
    """
    for old, new in patch:
        if old not in program:
            raise ValueError(f"not in the program: {old}")
        program = program.replace(old, new)
    return program


def told(patch: Patch) -> str:
    """The new text of a patch, on which a mark of it is sought."""
    return " ".join(new for _, new in patch)
