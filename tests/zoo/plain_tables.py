"""Programs over tables, as people write them: a churn classifier, a K-fold regression, ratings, Lightning, a GAN, a policy.

A patch is a sequence of (old, new); every place that holds the old text is changed.
"""

from zoo.plain import Patch

CHURN = '''"""Which customers leave? A small MLP on mixed columns."""
import argparse
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

NUM = ["age", "tenure", "balance", "calls"]
CAT = ["plan", "region"]


def load_data(n=1200):
    rng = np.random.default_rng(1)
    df = pd.DataFrame({
        "age": rng.normal(45, 12, n),
        "tenure": rng.exponential(24, n),
        "balance": rng.lognormal(7, 0.8, n),
        "calls": rng.poisson(3, n).astype(float),
        "plan": rng.choice(["basic", "plus", "pro"], n, p=[0.5, 0.3, 0.2]),
        "region": rng.choice(["north", "south", "east", "west"], n),
    })
    score = 0.9 * (df.calls - 3) - 0.05 * (df.tenure - 24) + 1.2 * (df.plan == "basic") + 0.06 * (df.age - 45) - 2.6
    df["churn"] = (score + rng.logistic(0, 0.5, n) > 0).astype(int)
    df.loc[rng.random(n) < 0.1, "balance"] = np.nan
    return df


def prepare(df):
    train_df, test_df = train_test_split(df, test_size=0.25, stratify=df["churn"], random_state=42)
    medians = train_df[NUM].median()
    scaler = StandardScaler()
    num_train = scaler.fit_transform(train_df[NUM].fillna(medians))
    num_test = scaler.transform(test_df[NUM].fillna(medians))
    cat_train = pd.get_dummies(train_df[CAT])
    cat_test = pd.get_dummies(test_df[CAT]).reindex(columns=cat_train.columns, fill_value=False)
    X_train = np.hstack([num_train, cat_train.values]).astype("float32")
    X_test = np.hstack([num_test, cat_test.values]).astype("float32")
    return X_train, X_test, train_df["churn"].values, test_df["churn"].values


class ChurnNet(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.layer_1 = nn.Linear(n_features, 32)
        self.layer_2 = nn.Linear(32, 16)
        self.out = nn.Linear(16, 1)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(0.2)

    def forward(self, x):
        x = self.relu(self.layer_1(x))
        x = self.dropout(x)
        x = self.relu(self.layer_2(x))
        return self.out(x)


def train_epoch(model, loader, criterion, optimizer):
    model.train()
    running = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        logits = model(xb).squeeze(1)
        loss = criterion(logits, yb)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(xb)
    return running / len(loader.dataset)


def evaluate(model, loader):
    model.eval()
    probs, labels = [], []
    with torch.no_grad():
        for xb, yb in loader:
            probs.append(torch.sigmoid(model(xb)).squeeze(1))
            labels.append(yb)
    probs, labels = torch.cat(probs).numpy(), torch.cat(labels).numpy()
    preds = (probs > 0.5).astype(int)
    acc = (preds == labels).mean()
    return acc, f1_score(labels, preds), roc_auc_score(labels, probs)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--batch-size", type=int, default=64)
    args, _ = parser.parse_known_args()
    torch.manual_seed(0)
    X_train, X_test, y_train, y_test = prepare(load_data())
    train_ds = TensorDataset(torch.from_numpy(X_train), torch.from_numpy(y_train).float())
    test_ds = TensorDataset(torch.from_numpy(X_test), torch.from_numpy(y_test).float())
    train_loader = DataLoader(train_ds, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_ds, batch_size=128)
    model = ChurnNet(X_train.shape[1])
    pos_weight = torch.tensor([(y_train == 0).sum() / (y_train == 1).sum()], dtype=torch.float32)
    criterion = nn.BCEWithLogitsLoss(pos_weight=pos_weight)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        loss = train_epoch(model, train_loader, criterion, optimizer)
        acc, f1, auc = evaluate(model, test_loader)
        print(f"Epoch {epoch + 1:02d} | loss {loss:.4f} | acc {acc:.3f} | f1 {f1:.3f} | auc {auc:.3f}")


if __name__ == "__main__":
    main()
'''

HOUSE = """import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_friedman1
from sklearn.metrics import r2_score, mean_absolute_error
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(7)
np.random.seed(7)

# columns in their own units, prices in dollars
X, y = make_friedman1(n_samples=500, n_features=8, noise=1.0, random_state=3)
X = X * np.array([120, 3, 5, 2000, 40, 9, 1, 300]) + np.array([60, 1, 0, 1900, 10, 0, 5, 100])
y = 14000 * y + 90000


class HouseDataset(Dataset):
    def __init__(self, X, y):
        self.X = torch.tensor(X, dtype=torch.float32)
        self.y = torch.tensor(y, dtype=torch.float32)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, idx):
        return self.X[idx], self.y[idx]


class Regressor(nn.Module):
    def __init__(self, d_in, hidden=48):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(d_in, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, 1),
        )

    def forward(self, x):
        return self.net(x).squeeze(-1)


kf = KFold(n_splits=4, shuffle=True, random_state=0)
scores, maes = [], []
for fold, (tr, va) in enumerate(kf.split(X)):
    X_tr, X_va, y_tr, y_va = X[tr], X[va], y[tr], y[va]
    x_scaler, y_scaler = StandardScaler(), StandardScaler()
    X_tr_s = x_scaler.fit_transform(X_tr)
    X_va_s = x_scaler.transform(X_va)
    y_tr_s = y_scaler.fit_transform(y_tr.reshape(-1, 1)).ravel()
    y_va_s = y_scaler.transform(y_va.reshape(-1, 1)).ravel()
    train_loader = DataLoader(HouseDataset(X_tr_s, y_tr_s), batch_size=32, shuffle=True)
    val_loader = DataLoader(HouseDataset(X_va_s, y_va_s), batch_size=50)

    model = Regressor(X.shape[1])
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(12):
        model.train()
        for xb, yb in train_loader:
            pred = model(xb)
            loss = loss_fn(pred, yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        model.eval()
        preds, val_loss = [], 0.0
        with torch.no_grad():
            for xb, yb in val_loader:
                out = model(xb)
                val_loss += loss_fn(out, yb).item() * len(xb)
                preds.append(out.numpy())
        val_loss /= len(val_loader.dataset)
    preds = y_scaler.inverse_transform(np.concatenate(preds).reshape(-1, 1)).ravel()
    r2 = r2_score(y_va, preds)
    mae = mean_absolute_error(y_va, preds)
    print(f"fold {fold}: val loss {val_loss:.4f}  R2 {r2:.3f}  MAE ${mae:,.0f}")
    scores.append(r2)
    maes.append(mae)
print(f"R2 {np.mean(scores):.3f} +/- {np.std(scores):.3f}, MAE ${np.mean(maes):,.0f}")
"""

RATINGS = """# Matrix factorisation for movie ratings
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.preprocessing import LabelEncoder

np.random.seed(0)
torch.manual_seed(0)
n_users, n_movies, n = 100, 60, 3500
p, q = np.random.randn(n_users, 3), np.random.randn(n_movies, 3)
bu, bi = 0.4 * np.random.randn(n_users), 0.6 * np.random.randn(n_movies)
pairs = np.random.permutation(n_users * n_movies)[:n]
u, m = pairs // n_movies, pairs % n_movies
raw = 3.3 + bu[u] + bi[m] + 0.45 * (p[u] * q[m]).sum(1) + 0.25 * np.random.randn(n)
ratings = pd.DataFrame({"userId": u * 17 + 1000, "movieId": m * 31 + 5, "rating": np.clip(np.round(raw * 2) / 2, 0.5, 5)})

user_enc, movie_enc = LabelEncoder(), LabelEncoder()
ratings["user"] = user_enc.fit_transform(ratings["userId"])
ratings["movie"] = movie_enc.fit_transform(ratings["movieId"])
ratings = ratings.sample(frac=1, random_state=1).reset_index(drop=True)
cut = int(0.8 * len(ratings))
train, valid = ratings[:cut], ratings[cut:]


class MF(nn.Module):
    def __init__(self, n_users, n_movies, dim=8, mean=3.5):
        super().__init__()
        self.user_emb = nn.Embedding(n_users, dim)
        self.movie_emb = nn.Embedding(n_movies, dim)
        self.user_bias = nn.Embedding(n_users, 1)
        self.movie_bias = nn.Embedding(n_movies, 1)
        self.user_emb.weight.data.uniform_(-0.05, 0.05)
        self.movie_emb.weight.data.uniform_(-0.05, 0.05)
        self.user_bias.weight.data.zero_()
        self.movie_bias.weight.data.zero_()
        self.register_buffer("mean", torch.tensor(float(mean)))

    def forward(self, user, movie):
        dot = (self.user_emb(user) * self.movie_emb(movie)).sum(1)
        return dot + self.user_bias(user).squeeze(1) + self.movie_bias(movie).squeeze(1) + self.mean


def batches(frame, size, shuffle):
    order = np.random.permutation(len(frame)) if shuffle else np.arange(len(frame))
    users = torch.tensor(frame["user"].values)
    movies = torch.tensor(frame["movie"].values)
    stars = torch.tensor(frame["rating"].values, dtype=torch.float32)
    for start in range(0, len(frame), size):
        idx = torch.from_numpy(order[start:start + size])
        yield users[idx], movies[idx], stars[idx]


model = MF(n_users, n_movies, mean=train["rating"].mean())
opt = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-5)
best = float("inf")
for epoch in range(15):
    model.train()
    total = 0
    for users, movies, stars in batches(train, 128, True):
        y_hat = model(users, movies)
        loss = F.mse_loss(y_hat, stars)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(stars)
    model.eval()
    sse = 0.0
    with torch.no_grad():
        for users, movies, stars in batches(valid, 256, False):
            y_hat = model(users, movies)
            sse += ((y_hat - stars) ** 2).sum().item()
    rmse = (sse / len(valid)) ** 0.5
    best = min(best, rmse)
    print(f"epoch {epoch} train mse {total / len(train):.3f} valid rmse {rmse:.3f}")
print("best", round(best, 3))
"""

LIGHT = """import warnings, logging
warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
import lightning as L
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

L.seed_everything(1, verbose=False)
data, target = load_wine(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(data, target, test_size=0.3, random_state=0, stratify=target)
scaler = StandardScaler().fit(x_train)
x_train, x_val = scaler.transform(x_train), scaler.transform(x_val)


def make_set(x, y):
    return TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.long))


train_dl = DataLoader(make_set(x_train, y_train), batch_size=16, shuffle=True)
val_dl = DataLoader(make_set(x_val, y_val), batch_size=32)


class WineClassifier(L.LightningModule):
    def __init__(self, in_dim=13, hidden=32, classes=3, lr=3e-3):
        super().__init__()
        self.lr = lr
        self.encoder = nn.Sequential(nn.Linear(in_dim, hidden), nn.ReLU(), nn.Dropout(0.1))
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.head(self.encoder(x))

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        logits = self(x)
        self.log("val_loss", F.cross_entropy(logits, y), on_epoch=True)
        acc = (logits.argmax(dim=1) == y).float().mean()
        self.log("val_acc", acc, on_epoch=True)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)


model = WineClassifier()
trainer = L.Trainer(max_epochs=12, accelerator="cpu", logger=False, enable_checkpointing=False,
                    enable_progress_bar=False, enable_model_summary=False)
trainer.fit(model, train_dl, val_dl)
print({k: round(float(v), 3) for k, v in trainer.callback_metrics.items()})
"""

GAN = """import math
import torch
import torch.nn as nn

torch.manual_seed(3)
batch_size, z_dim, steps = 128, 4, 250


def real_data(n):
    # points on a noisy ring
    angle = 2 * math.pi * torch.rand(n)
    ring = torch.stack([angle.cos(), angle.sin()], dim=1)
    return ring + 0.05 * torch.randn(n, 2)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(z_dim, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))

    def forward(self, x):
        return self.main(x)


G, D = Generator(), Discriminator()
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(batch_size, 1), torch.zeros(batch_size, 1)

for step in range(steps):
    # discriminator
    real = real_data(batch_size)
    fake = G(torch.randn(batch_size, z_dim))
    d_loss = bce(D(real), ones) + bce(D(fake.detach()), zeros)
    opt_d.zero_grad()
    d_loss.backward()
    opt_d.step()
    # generator
    g_loss = bce(D(fake), ones)
    opt_g.zero_grad()
    g_loss.backward()
    opt_g.step()
    if step % 50 == 49:
        with torch.no_grad():
            sample = G(torch.randn(500, z_dim))
        print(f"step {step} D {d_loss.item():.3f} G {g_loss.item():.3f} radius {sample.norm(dim=1).mean():.3f}")
"""

POLICY = '''import numpy as np
import torch
import torch.nn as nn
from torch.distributions import Categorical


class Corridor:
    """Walk to the goal and stay there; the state is where one is, where the goal is, and the speed."""

    def __init__(self, seed=0, length=20):
        self.rng, self.length = np.random.default_rng(seed), length

    def reset(self):
        self.pos, self.goal, self.vel, self.t = self.rng.uniform(-1, 1), self.rng.uniform(-1, 1), 0.0, 0
        return self._state()

    def _state(self):
        return np.array([self.pos, self.goal, self.vel], dtype=np.float32)

    def step(self, action):
        self.vel = 0.5 * self.vel + 0.15 * (action - 1)
        self.pos += self.vel
        self.t += 1
        return self._state(), -abs(self.pos - self.goal), self.t >= self.length


class Policy(nn.Module):
    def __init__(self, n_states=3, n_actions=3, hidden=32):
        super().__init__()
        self.fc1 = nn.Linear(n_states, hidden)
        self.fc2 = nn.Linear(hidden, n_actions)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x)))


torch.manual_seed(0)
env = Corridor()
policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
gamma = 0.95
history = []
for episode in range(150):
    state, done = env.reset(), False
    log_probs, rewards = [], []
    while not done:
        logits = policy(torch.from_numpy(state).unsqueeze(0))
        dist = Categorical(logits=logits)
        action = dist.sample()
        log_probs.append(dist.log_prob(action))
        state, reward, done = env.step(action.item())
        rewards.append(reward)
    returns, R = [], 0.0
    for r in reversed(rewards):
        R = r + gamma * R
        returns.insert(0, R)
    returns = torch.tensor(returns, dtype=torch.float32)
    returns = (returns - returns.mean()) / (returns.std() + 1e-8)
    loss = -(torch.cat(log_probs) * returns).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    history.append(sum(rewards))
    if episode % 50 == 49:
        print(f"episode {episode + 1} mean reward {np.mean(history[-50:]):.2f}")
'''

RIGHT: list[tuple[str, Patch]] = [
    (CHURN, ()),
    (HOUSE, ()),
    (RATINGS, ()),
    (LIGHT, ()),
    (GAN, ()),
    (POLICY, ()),
    # churn: other preparations
    (CHURN, (("StandardScaler", "MinMaxScaler"),)),
    (
        CHURN,
        (
            ("import StandardScaler", "import QuantileTransformer"),
            ("StandardScaler()", "QuantileTransformer(n_quantiles=100, output_distribution='normal', random_state=0)"),
        ),
    ),
    (
        CHURN,
        (
            (
                "def prepare(df):\n",
                "def prepare(df):\n    df['balance'] = np.log1p(df['balance'])\n    df['tenure'] = np.log1p(df['tenure'])\n",
            ),
            (
                "scaler = StandardScaler()",
                "from sklearn.preprocessing import RobustScaler\n    scaler = RobustScaler()",
            ),
        ),
    ),
    (
        CHURN,
        (
            (
                "    medians = train_df[NUM].median()\n",
                "    train_df = train_df.assign(missing=train_df.balance.isna().astype(float))\n    test_df = test_df.assign(missing=test_df.balance.isna().astype(float))\n    medians = train_df[NUM].mean()\n",
            ),
            ("cat_train = pd.get_dummies(train_df[CAT])", "cat_train = pd.get_dummies(train_df[CAT + ['missing']])"),
            ("pd.get_dummies(test_df[CAT])", "pd.get_dummies(test_df[CAT + ['missing']])"),
        ),
    ),
    (
        CHURN,
        (
            (
                "    train_df, test_df = train_test_split(df,",
                "    df = pd.get_dummies(df, columns=CAT, drop_first=True)\n    dummies = [c for c in df.columns if c.startswith(tuple(CAT))]\n    train_df, test_df = train_test_split(df,",
            ),
            (
                "    cat_train = pd.get_dummies(train_df[CAT])\n    cat_test = pd.get_dummies(test_df[CAT]).reindex(columns=cat_train.columns, fill_value=False)\n",
                "    cat_train, cat_test = train_df[dummies], test_df[dummies]\n",
            ),
        ),
    ),
    (
        CHURN,
        (
            (
                '    medians = train_df[NUM].median()\n    scaler = StandardScaler()\n    num_train = scaler.fit_transform(train_df[NUM].fillna(medians))\n    num_test = scaler.transform(test_df[NUM].fillna(medians))\n    cat_train = pd.get_dummies(train_df[CAT])\n    cat_test = pd.get_dummies(test_df[CAT]).reindex(columns=cat_train.columns, fill_value=False)\n    X_train = np.hstack([num_train, cat_train.values]).astype("float32")\n    X_test = np.hstack([num_test, cat_test.values]).astype("float32")\n',
                "    from sklearn.compose import ColumnTransformer\n    from sklearn.impute import SimpleImputer\n    from sklearn.pipeline import make_pipeline\n    from sklearn.preprocessing import OneHotEncoder\n    pre = ColumnTransformer([\n        ('num', make_pipeline(SimpleImputer(strategy='median'), StandardScaler()), NUM),\n        ('cat', OneHotEncoder(handle_unknown='ignore', sparse_output=False), CAT),\n    ])\n    X_train = pre.fit_transform(train_df).astype(np.float32)\n    X_test = pre.transform(test_df).astype(np.float32)\n",
            ),
        ),
    ),
    (
        CHURN,
        (
            ("import pandas as pd\n", "import pandas as pd\nimport polars as pl\n"),
            (
                "    medians = train_df[NUM].median()\n    scaler = StandardScaler()\n    num_train = scaler.fit_transform(train_df[NUM].fillna(medians))\n    num_test = scaler.transform(test_df[NUM].fillna(medians))\n",
                "    tr = pl.DataFrame({c: train_df[c].to_numpy() for c in NUM}).fill_nan(None)\n    te = pl.DataFrame({c: test_df[c].to_numpy() for c in NUM}).fill_nan(None)\n    for c in NUM:\n        fill, mu, sd = tr[c].median(), tr[c].mean(), tr[c].std()\n        tr = tr.with_columns((pl.col(c).fill_null(fill) - mu) / sd)\n        te = te.with_columns((pl.col(c).fill_null(fill) - mu) / sd)\n    num_train, num_test = tr.to_numpy(), te.to_numpy()\n",
            ),
        ),
    ),
    (
        CHURN,
        (  # raw columns, and a batch norm in front that takes care of their scale
            (
                "num_train = scaler.fit_transform(train_df[NUM].fillna(medians))",
                "num_train = train_df[NUM].fillna(medians).values",
            ),
            (
                "num_test = scaler.transform(test_df[NUM].fillna(medians))",
                "num_test = test_df[NUM].fillna(medians).values",
            ),
            (
                "self.layer_1 = nn.Linear(n_features, 32)",
                "self.bn = nn.BatchNorm1d(n_features)\n        self.layer_1 = nn.Linear(n_features, 32)",
            ),
            ("self.layer_1(x)", "self.layer_1(self.bn(x))"),
        ),
    ),
    (
        CHURN,
        (  # entity embeddings
            (
                "    cat_train = pd.get_dummies(train_df[CAT])\n    cat_test = pd.get_dummies(test_df[CAT]).reindex(columns=cat_train.columns, fill_value=False)\n",
                "    cats = {c: {v: i for i, v in enumerate(sorted(train_df[c].unique()))} for c in CAT}\n    cat_train = pd.DataFrame({c: train_df[c].map(cats[c]) for c in CAT})\n    cat_test = pd.DataFrame({c: test_df[c].map(cats[c]) for c in CAT})\n",
            ),
            (
                "self.layer_1 = nn.Linear(n_features, 32)",
                "self.embs = nn.ModuleList([nn.Embedding(3, 2), nn.Embedding(4, 2)])\n        self.layer_1 = nn.Linear(len(NUM) + 4, 32)",
            ),
            (
                "        x = self.relu(self.layer_1(x))\n",
                "        cat = x[:, len(NUM):].long()\n        x = torch.cat([x[:, :len(NUM)]] + [e(cat[:, i]) for i, e in enumerate(self.embs)], dim=1)\n        x = self.relu(self.layer_1(x))\n",
            ),
        ),
    ),
    # churn: imbalance handled in other ways
    (
        CHURN,
        (
            (
                "train_loader = DataLoader(train_ds, batch_size=args.batch_size, shuffle=True)",
                "weights = np.where(y_train == 1, 1 / (y_train == 1).mean(), 1 / (y_train == 0).mean())\n    sampler = torch.utils.data.WeightedRandomSampler(torch.as_tensor(weights), len(weights))\n    train_loader = DataLoader(train_ds, batch_size=args.batch_size, sampler=sampler)",
            ),
            ("nn.BCEWithLogitsLoss(pos_weight=pos_weight)", "nn.BCEWithLogitsLoss()"),
        ),
    ),
    (
        CHURN,
        (  # the rarer class repeated, in training alone
            (
                "    train_ds = TensorDataset",
                "    extra = np.random.default_rng(0).choice(np.flatnonzero(y_train == 1), 400)\n    X_train, y_train = np.vstack([X_train, X_train[extra]]), np.append(y_train, y_train[extra])\n    train_ds = TensorDataset",
            ),
        ),
    ),
    (
        CHURN,
        (  # interpolated minority rows, in training alone
            (
                "    train_ds = TensorDataset",
                "    rng = np.random.default_rng(0)\n    minority = X_train[y_train == 1]\n    a, b = minority[rng.integers(0, len(minority), 300)], minority[rng.integers(0, len(minority), 300)]\n    synthetic = a + rng.random((300, 1)).astype('float32') * (b - a)\n    X_train, y_train = np.vstack([X_train, synthetic]), np.append(y_train, np.ones(300, dtype=int))\n    train_ds = TensorDataset",
            ),
        ),
    ),
    (
        CHURN,
        (
            (
                "criterion = nn.BCEWithLogitsLoss(pos_weight=pos_weight)",
                "def focal(logits, y, alpha=0.75, gamma=2.0):\n        bce = nn.functional.binary_cross_entropy_with_logits(logits, y, reduction='none')\n        p = torch.exp(-bce)\n        a = alpha * y + (1 - alpha) * (1 - y)\n        return (a * (1 - p) ** gamma * bce).mean()\n    criterion = focal",
            ),
        ),
    ),
    (
        CHURN,
        (
            ("return self.out(x)", "return torch.sigmoid(self.out(x))"),
            ("torch.sigmoid(model(xb)).squeeze(1)", "model(xb).squeeze(1)"),
            (
                "criterion = nn.BCEWithLogitsLoss(pos_weight=pos_weight)",
                "criterion = lambda p, y: nn.functional.binary_cross_entropy(p, y, weight=y * (pos_weight - 1) + 1)",
            ),
        ),
    ),
    (
        CHURN,
        (  # two logits and class weights
            ("self.out = nn.Linear(16, 1)", "self.out = nn.Linear(16, 2)"),
            (
                "logits = model(xb).squeeze(1)\n        loss = criterion(logits, yb)",
                "loss = criterion(model(xb), yb.long())",
            ),
            ("torch.sigmoid(model(xb)).squeeze(1)", "torch.softmax(model(xb), dim=1)[:, 1]"),
            (
                "nn.BCEWithLogitsLoss(pos_weight=pos_weight)",
                "nn.CrossEntropyLoss(weight=torch.tensor([1.0, pos_weight.item()]))",
            ),
        ),
    ),
    (CHURN, (("nn.BCEWithLogitsLoss(pos_weight=pos_weight)", "nn.BCEWithLogitsLoss()"),)),
    (
        CHURN,
        (  # hinge with targets of -1 and 1
            (
                "nn.BCEWithLogitsLoss(pos_weight=pos_weight)",
                "lambda s, y: torch.clamp(1 - (2 * y - 1) * s, min=0).mean()",
            ),
        ),
    ),
    # churn: other metrics
    (
        CHURN,
        (
            (
                "    acc = (preds == labels).mean()\n    return acc, f1_score(labels, preds), roc_auc_score(labels, probs)",
                "    tp = ((preds == 1) & (labels == 1)).sum()\n    fp = ((preds == 1) & (labels == 0)).sum()\n    fn = ((preds == 0) & (labels == 1)).sum()\n    precision, recall = tp / max(tp + fp, 1), tp / max(tp + fn, 1)\n    f1 = 2 * precision * recall / max(precision + recall, 1e-9)\n    acc = np.mean(preds == labels)\n    return acc, f1, recall",
            ),
        ),
    ),
    (
        CHURN,
        (
            ("probs.append(torch.sigmoid(model(xb)).squeeze(1))", "probs.append(model(xb).flatten())"),
            ("(probs > 0.5)", "(probs > 0)"),
        ),
    ),
    (
        CHURN,
        (
            (
                "acc = (preds == labels).mean()",
                "from sklearn.metrics import balanced_accuracy_score, average_precision_score, confusion_matrix\n    print(confusion_matrix(labels, preds), average_precision_score(labels, probs))\n    acc = balanced_accuracy_score(labels, preds)",
            ),
        ),
    ),
    (
        CHURN,
        (  # the threshold is chosen on training rows
            ("    preds = (probs > 0.5).astype(int)\n", "    preds = (probs > THRESHOLD).astype(int)\n"),
            ("def evaluate(model, loader):", "THRESHOLD = 0.5\n\n\ndef evaluate(model, loader):"),
            (
                "        acc, f1, auc = evaluate(model, test_loader)",
                "        global THRESHOLD\n        model.eval()\n        with torch.no_grad():\n            tr = torch.sigmoid(model(train_ds.tensors[0]).squeeze(1)).numpy()\n        THRESHOLD = max(np.linspace(0.1, 0.9, 17), key=lambda t: f1_score(y_train, tr > t))\n        acc, f1, auc = evaluate(model, test_loader)",
            ),
        ),
    ),
    # churn: other loops
    (
        CHURN,
        (
            (
                "        loss = train_epoch(model, train_loader, criterion, optimizer)\n        acc, f1, auc = evaluate(model, test_loader)\n",
                "        loss = train_epoch(model, train_loader, criterion, optimizer)\n        acc, f1, auc = evaluate(model, test_loader)\n        if epoch == 0 or auc > best:\n            best, wait, state = auc, 0, {k: v.clone() for k, v in model.state_dict().items()}\n        else:\n            wait += 1\n            if wait > 3:\n                model.load_state_dict(state)\n                break\n",
            ),
        ),
    ),
    (
        CHURN,
        (
            (
                "    for epoch in range(args.epochs):\n",
                "    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, epochs=args.epochs, steps_per_epoch=len(train_loader))\n    for epoch in range(args.epochs):\n",
            ),
            (
                "train_epoch(model, train_loader, criterion, optimizer)",
                "train_epoch(model, train_loader, criterion, optimizer, scheduler)",
            ),
            ("criterion, optimizer):", "criterion, optimizer, scheduler):"),
            (
                "        optimizer.step()\n",
                "        nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n        optimizer.step()\n        scheduler.step()\n",
            ),
        ),
    ),
    (
        CHURN,
        (  # no loader: the whole table at once
            (
                "        loss = train_epoch(model, train_loader, criterion, optimizer)\n",
                "        model.train()\n        for _ in range(10):\n            optimizer.zero_grad()\n            loss = criterion(model(train_ds.tensors[0])[:, 0], train_ds.tensors[1])\n            loss.backward()\n            optimizer.step()\n        loss = loss.item()\n",
            ),
        ),
    ),
    (
        CHURN,
        (
            ('.astype("float32")', ".astype(np.float64)"),
            (".float())", ".double())"),
            ("model = ChurnNet(X_train.shape[1])", "model = ChurnNet(X_train.shape[1]).double()"),
            ("dtype=torch.float32)", "dtype=torch.float64)"),
        ),
    ),
    (
        CHURN,
        (  # logistic regression with a second-order optimiser
            (
                "    for epoch in range(args.epochs):\n        loss = train_epoch(model, train_loader, criterion, optimizer)\n",
                "    model = nn.Linear(X_train.shape[1], 1)\n    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=10)\n    for epoch in range(4):\n        def closure():\n            optimizer.zero_grad()\n            value = criterion(model(train_ds.tensors[0]).squeeze(1), train_ds.tensors[1])\n            value.backward()\n            return value\n        loss = optimizer.step(closure).item()\n",
            ),
        ),
    ),
    (
        CHURN,
        (  # five folds over the whole table, each with its own preparation and model
            (
                'def prepare(df):\n    train_df, test_df = train_test_split(df, test_size=0.25, stratify=df["churn"], random_state=42)\n',
                "def prepare(df, tr, te):\n    train_df, test_df = df.iloc[tr], df.iloc[te]\n",
            ),
            (
                "def main():",
                "def main():\n    from sklearn.model_selection import StratifiedKFold\n    df = load_data()\n    for tr, te in StratifiedKFold(3, shuffle=True, random_state=0).split(df, df.churn):\n        one_fold(df, tr, te)\n\n\ndef one_fold(df, tr, te):",
            ),
            ("prepare(load_data())", "prepare(df, tr, te)"),
            ("default=12", "default=5"),
        ),
    ),
    (
        CHURN,
        (
            (
                "    model.eval()\n    probs, labels = [], []\n    with torch.no_grad():\n        for xb, yb in loader:\n            probs.append(torch.sigmoid(model(xb)).squeeze(1))\n            labels.append(yb)\n    probs, labels = torch.cat(probs).numpy(), torch.cat(labels).numpy()\n",
                "    probs, labels = predict(model, loader)\n",
            ),
            (
                "def evaluate(",
                "@torch.inference_mode()\ndef predict(model, loader):\n    was = model.training\n    model.train(False)\n    out = [(model(x).sigmoid().ravel().tolist(), y.int().tolist()) for x, y in loader]\n    model.train(was)\n    return np.array(sum((p for p, _ in out), [])), np.array(sum((y for _, y in out), []))\n\n\ndef evaluate(",
            ),
        ),
    ),
    # house: other targets, losses, splits
    (
        HOUSE,
        (
            ("y_scaler.fit_transform(y_tr.reshape(-1, 1)).ravel()", "np.log(y_tr) - np.log(y_tr).mean()"),
            ("y_scaler.transform(y_va.reshape(-1, 1)).ravel()", "np.log(y_va) - np.log(y_tr).mean()"),
            (
                "y_scaler.inverse_transform(np.concatenate(preds).reshape(-1, 1)).ravel()",
                "np.exp(np.concatenate(preds) + np.log(y_tr).mean())",
            ),
            ("y = 14000 * y + 90000", "y = np.maximum(14000 * y + 90000, 20000)"),
        ),
    ),
    (HOUSE, (("nn.MSELoss()", "nn.HuberLoss(delta=0.5)"),)),
    (
        HOUSE,
        (
            ("nn.MSELoss()", "nn.L1Loss()"),
            (
                "torch.optim.Adam(model.parameters(), lr=5e-3)",
                "torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)",
            ),
        ),
    ),
    (HOUSE, (("loss_fn = nn.MSELoss()", "loss_fn = lambda p, t: torch.log(torch.cosh(p - t + 1e-12)).mean()"),)),
    (
        HOUSE,
        (  # the mean and its variance, by likelihood
            ("nn.Linear(hidden, 1)", "nn.Linear(hidden, 2)"),
            ("return self.net(x).squeeze(-1)", "return self.net(x)"),
            (
                "loss_fn = nn.MSELoss()",
                "loss_fn = lambda o, t: F.gaussian_nll_loss(o[:, 0], t, F.softplus(o[:, 1]) + 1e-4)",
            ),
            ("preds.append(out.numpy())", "preds.append(out[:, 0].numpy())"),
            ("import torch.nn as nn", "import torch.nn as nn\nimport torch.nn.functional as F"),
        ),
    ),
    (
        HOUSE,
        (  # three quantiles
            ("nn.Linear(hidden, 1)", "nn.Linear(hidden, 3)"),
            ("return self.net(x).squeeze(-1)", "return self.net(x)"),
            (
                "    loss_fn = nn.MSELoss()\n",
                "    taus = torch.tensor([0.1, 0.5, 0.9])\n\n    def loss_fn(q, t):\n        e = t.unsqueeze(1) - q\n        return torch.max(taus * e, (taus - 1) * e).mean()\n\n",
            ),
            ("preds.append(out.numpy())", "preds.append(out[:, 1].numpy())"),
        ),
    ),
    (
        HOUSE,
        (  # both sides [n, 1] all the way
            ("self.net(x).squeeze(-1)", "self.net(x)"),
            (
                "self.y = torch.tensor(y, dtype=torch.float32)",
                "self.y = torch.tensor(y, dtype=torch.float32).view(-1, 1)",
            ),
        ),
    ),
    (
        HOUSE,
        (  # statistics live in the model
            ("X_tr_s = x_scaler.fit_transform(X_tr)", "X_tr_s = X_tr"),
            ("X_va_s = x_scaler.transform(X_va)", "X_va_s = X_va"),
            ("model = Regressor(X.shape[1])", "model = Regressor(X.shape[1], X_tr.mean(0), X_tr.std(0))"),
            (
                "def __init__(self, d_in, hidden=48):\n        super().__init__()\n",
                "def __init__(self, d_in, mu, sd, hidden=48):\n        super().__init__()\n        self.register_buffer('mu', torch.tensor(mu, dtype=torch.float32))\n        self.register_buffer('sd', torch.tensor(sd, dtype=torch.float32))\n",
            ),
            ("self.net(x)", "self.net((x - self.mu) / self.sd)"),
        ),
    ),
    (
        HOUSE,
        (  # out-of-fold predictions, and one score at the end
            (
                "    scores.append(r2)\n    maes.append(mae)\n",
                "    scores.append(r2)\n    maes.append(mae)\n    oof[va] = preds\n",
            ),
            ("scores, maes = [], []", "scores, maes, oof = [], [], np.zeros(len(y))"),
            (
                'print(f"R2 {np.mean(scores)',
                'ss_res, ss_tot = ((y - oof) ** 2).sum(), ((y - y.mean()) ** 2).sum()\nprint("out of fold R2", 1 - ss_res / ss_tot, "rmse", np.sqrt(np.mean((y - oof) ** 2)))\nprint(f"R2 {np.mean(scores)',
            ),
        ),
    ),
    (
        HOUSE,
        (  # folds by hand
            (
                "kf = KFold(n_splits=4, shuffle=True, random_state=0)\n",
                "parts = np.array_split(np.random.permutation(len(X)), 4)\n",
            ),
            (
                "for fold, (tr, va) in enumerate(kf.split(X)):\n",
                "for fold in range(4):\n    va = parts[fold]\n    tr = np.concatenate([parts[j] for j in range(4) if j != fold])\n",
            ),
        ),
    ),
    (
        HOUSE,
        (  # the next fold's model learns alone; the best epoch's weights are loaded again before the prediction
            (
                "        val_loss /= len(val_loader.dataset)\n",
                "        val_loss /= len(val_loader.dataset)\n        if epoch == 0 or val_loss < best_loss:\n            best_loss, best_state = val_loss, copy.deepcopy(model.state_dict())\n    model.load_state_dict(best_state)\n    with torch.no_grad():\n        preds = [model(torch.tensor(X_va_s, dtype=torch.float32)).numpy()]\n",
            ),
            ("import numpy as np\n", "import copy\nimport numpy as np\n"),
        ),
    ),
    (
        HOUSE,
        (
            ("model = Regressor(X.shape[1])", "model = Regressor(X_tr_s.shape[1])"),
            (
                "X_tr_s = x_scaler.fit_transform(X_tr)",
                "pca = PCA(n_components=8, whiten=True)\n    X_tr_s = pca.fit_transform(x_scaler.fit_transform(X_tr))",
            ),
            ("X_va_s = x_scaler.transform(X_va)", "X_va_s = pca.transform(x_scaler.transform(X_va))"),
            ("from sklearn.metrics", "from sklearn.decomposition import PCA\nfrom sklearn.metrics"),
        ),
    ),
    (
        HOUSE,
        (  # noise on the inputs, in training
            ("pred = model(xb)\n            loss", "pred = model(xb + 0.05 * torch.randn_like(xb))\n            loss"),
        ),
    ),
    (
        HOUSE,
        (  # averaged weights
            (
                "            optimizer.step()\n",
                "            optimizer.step()\n            if epoch > 7:\n                ema.update_parameters(model)\n",
            ),
            (
                "    loss_fn = nn.MSELoss()\n",
                "    loss_fn = nn.MSELoss()\n    ema = torch.optim.swa_utils.AveragedModel(model)\n",
            ),
            (
                "    preds = y_scaler.inverse",
                "    with torch.no_grad():\n        preds = [ema(torch.tensor(X_va_s, dtype=torch.float32)).numpy()]\n    preds = y_scaler.inverse",
            ),
        ),
    ),
    (
        HOUSE,
        (
            (
                "            nn.Linear(hidden, 1),\n        )\n",
                "            nn.Linear(hidden, 1),\n        )\n        nn.init.zeros_(self.net[-1].weight)\n        nn.init.zeros_(self.net[-1].bias)\n",
            ),
            (
                "optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)",
                "optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)\n    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2)",
            ),
            (
                "        val_loss /= len(val_loader.dataset)\n",
                "        val_loss /= len(val_loader.dataset)\n        plateau.step(val_loss)\n",
            ),
        ),
    ),
    (
        HOUSE,
        (  # squared error in dollars by hand, and its root
            (
                "    r2 = r2_score(y_va, preds)\n    mae = mean_absolute_error(y_va, preds)\n",
                "    residuals = y_va - preds\n    r2 = 1 - np.sum(residuals**2) / np.sum((y_va - np.mean(y_va)) ** 2)\n    mae = np.abs(residuals).mean()\n    print('rmse', np.sqrt((residuals**2).mean()), 'mape', 100 * np.mean(np.abs(residuals / y_va)))\n",
            ),
        ),
    ),
    (
        HOUSE,
        (  # the target is brought near nought by round numbers
            ("y_scaler.fit_transform(y_tr.reshape(-1, 1)).ravel()", "(y_tr - 300_000) / 100_000"),
            ("y_scaler.transform(y_va.reshape(-1, 1)).ravel()", "(y_va - 300_000) / 100_000"),
            (
                "y_scaler.inverse_transform(np.concatenate(preds).reshape(-1, 1)).ravel()",
                "np.concatenate(preds) * 100_000 + 300_000",
            ),
        ),
    ),
    # ratings
    (
        RATINGS,
        (  # a sigmoid scaled to the ratings' range
            (
                "return dot + self.user_bias(user).squeeze(1) + self.movie_bias(movie).squeeze(1) + self.mean",
                "return torch.sigmoid(dot + self.user_bias(user).squeeze(1) + self.movie_bias(movie).squeeze(1)) * 5.0 + 0.25",
            ),
        ),
    ),
    (
        RATINGS,
        (  # a network on both embeddings
            (
                'self.register_buffer("mean", torch.tensor(float(mean)))',
                'self.register_buffer("mean", torch.tensor(float(mean)))\n        self.mlp = nn.Sequential(nn.Linear(2 * dim, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1))',
            ),
            (
                "dot = (self.user_emb(user) * self.movie_emb(movie)).sum(1)",
                "dot = self.mlp(torch.cat([self.user_emb(user), self.movie_emb(movie)], dim=1)).squeeze(1)",
            ),
        ),
    ),
    (
        RATINGS,
        (  # ten classes of stars, and the expected rating
            ("self.user_bias = nn.Embedding(n_users, 1)", "self.user_bias = nn.Embedding(n_users, 10)"),
            (
                "self.movie_bias = nn.Embedding(n_movies, 1)",
                "self.movie_bias = nn.Embedding(n_movies, 10)\n        self.to_class = nn.Linear(dim, 10)",
            ),
            (
                "dot = (self.user_emb(user) * self.movie_emb(movie)).sum(1)",
                "dot = self.to_class(self.user_emb(user) * self.movie_emb(movie))",
            ),
            (
                "return dot + self.user_bias(user).squeeze(1) + self.movie_bias(movie).squeeze(1) + self.mean",
                "return dot + self.user_bias(user) + self.movie_bias(movie)",
            ),
            ("F.mse_loss(y_hat, stars)", "F.cross_entropy(y_hat, (stars * 2 - 1).long())"),
            (
                "            y_hat = model(users, movies)\n            sse",
                "            y_hat = model(users, movies).softmax(1) @ torch.arange(1, 11).float() / 2\n            sse",
            ),
        ),
    ),
    (
        RATINGS,
        (  # liked or not, by pairs
            (
                "        y_hat = model(users, movies)\n        loss = F.mse_loss(y_hat, stars)\n",
                "        other = torch.randperm(len(users))\n        better = stars > stars[other]\n        diff = model(users, movies) - model(users[other], movies[other])\n        loss = -F.logsigmoid(diff[better]).mean()\n",
            ),
            (
                "            sse += ((y_hat - stars) ** 2).sum().item()\n    rmse = (sse / len(valid)) ** 0.5\n",
                "            sse += ((y_hat[:, None] > y_hat) == (stars[:, None] > stars))[stars[:, None] != stars].float().mean().item() * len(stars)\n    rmse = 1 - sse / len(valid)\n",
            ),
            ("valid rmse", "valid wrong pairs"),
        ),
    ),
    (
        RATINGS,
        (  # sparse rows
            ("nn.Embedding(n_users, dim)", "nn.Embedding(n_users, dim, sparse=True)"),
            ("nn.Embedding(n_movies, dim)", "nn.Embedding(n_movies, dim, sparse=True)"),
            ("nn.Embedding(n_users, 1)", "nn.Embedding(n_users, 1, sparse=True)"),
            ("nn.Embedding(n_movies, 1)", "nn.Embedding(n_movies, 1, sparse=True)"),
            (
                "torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-5)",
                "torch.optim.SparseAdam(list(model.parameters()), lr=0.01)",
            ),
        ),
    ),
    (
        RATINGS,
        (  # users and movies in turn
            (
                "opt = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-5)",
                "opt_u = torch.optim.Adam([*model.user_emb.parameters(), *model.user_bias.parameters()], lr=0.02)\nopt_m = torch.optim.Adam([*model.movie_emb.parameters(), *model.movie_bias.parameters()], lr=0.02)",
            ),
            ("    model.train()\n", "    model.train()\n    opt = opt_u if epoch % 2 else opt_m\n"),
            ("opt.zero_grad()", "model.zero_grad()"),
        ),
    ),
    (
        RATINGS,
        (
            (
                "            y_hat = model(users, movies)\n            sse",
                "            y_hat = model(users, movies).clamp(0.5, 5)\n            sse",
            ),
        ),
    ),
    (
        RATINGS,
        (  # one rating of each user is held out
            (
                "cut = int(0.8 * len(ratings))\ntrain, valid = ratings[:cut], ratings[cut:]",
                "last = ~ratings.duplicated('user', keep='last')\ntrain, valid = ratings[~last], ratings[last]",
            ),
        ),
    ),
    (
        RATINGS,
        (  # plain factors and a step by hand
            ("opt = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-5)\n", ""),
            (
                "        opt.zero_grad()\n        loss.backward()\n        opt.step()\n",
                "        loss = loss + 1e-4 * (model.user_emb(users).pow(2).sum() + model.movie_emb(movies).pow(2).sum()) / len(users)\n        model.zero_grad()\n        loss.backward()\n        with torch.no_grad():\n            for w in model.parameters():\n                w -= 3.0 * w.grad\n",
            ),
            ("range(15)", "range(30)"),
        ),
    ),
    # lightning
    (
        LIGHT,
        (
            (
                "        return torch.optim.Adam(self.parameters(), lr=self.lr)",
                "        opt = torch.optim.AdamW(self.parameters(), lr=self.lr)\n        sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=self.trainer.max_epochs)\n        return {'optimizer': opt, 'lr_scheduler': {'scheduler': sched, 'interval': 'epoch'}}",
            ),
        ),
    ),
    (
        LIGHT,
        (
            ("        self.lr = lr\n", "        self.lr = lr\n        self.automatic_optimization = False\n"),
            (
                '        self.log("train_loss", loss)\n',
                '        self.log("train_loss", loss)\n        opt = self.optimizers()\n        opt.zero_grad()\n        self.manual_backward(loss)\n        opt.step()\n',
            ),
        ),
    ),
    (
        LIGHT,
        (
            ("        self.lr = lr\n", "        self.lr = lr\n        self.seen = []\n"),
            (
                '        self.log("val_acc", acc, on_epoch=True)\n',
                '        self.seen.append((logits.argmax(1), y))\n\n    def on_validation_epoch_end(self):\n        preds, ys = (torch.cat(t) for t in zip(*self.seen))\n        self.seen.clear()\n        self.log("val_acc", (preds == ys).float().mean())\n',
            ),
        ),
    ),
    (
        LIGHT,
        (
            (
                "        self.lr = lr\n",
                "        self.lr = lr\n        from torchmetrics.classification import MulticlassAccuracy\n        self.acc = MulticlassAccuracy(num_classes=classes, average='micro')\n",
            ),
            (
                '        acc = (logits.argmax(dim=1) == y).float().mean()\n        self.log("val_acc", acc, on_epoch=True)',
                '        self.acc(logits, y)\n        self.log("val_acc", self.acc, on_epoch=True)',
            ),
        ),
    ),
    (LIGHT, (("max_epochs=12,", "max_epochs=12, accumulate_grad_batches=2, gradient_clip_val=1.0,"),)),
    (
        LIGHT,
        (
            (
                "trainer = L.Trainer(",
                "from lightning.pytorch.callbacks import EarlyStopping\ntrainer = L.Trainer(callbacks=[EarlyStopping('val_loss', patience=3)], ",
            ),
            (
                "trainer.fit(model, train_dl, val_dl)\n",
                "trainer.fit(model, train_dl, val_dl)\npreds = torch.cat(trainer.predict(model, val_dl)).argmax(1)\nprint('final', (preds.numpy() == y_val).mean())\n",
            ),
            (
                "    def configure_optimizers",
                "    def predict_step(self, batch, batch_idx):\n        return self(batch[0])\n\n    def configure_optimizers",
            ),
        ),
    ),
    (LIGHT, (("F.cross_entropy(self(x), y)", "F.binary_cross_entropy_with_logits(self(x), F.one_hot(y, 3).float())"),)),
    # adversaries
    (
        GAN,
        (  # least squares
            ("bce = nn.BCEWithLogitsLoss()", "bce = nn.MSELoss()"),
        ),
    ),
    (
        GAN,
        (  # wasserstein with clipped weights
            (
                "d_loss = bce(D(real), ones) + bce(D(fake.detach()), zeros)",
                "d_loss = D(fake.detach()).mean() - D(real).mean()",
            ),
            (
                "    opt_d.step()\n",
                "    opt_d.step()\n    for p in D.parameters():\n        p.data.clamp_(-0.1, 0.1)\n",
            ),
            ("g_loss = bce(D(fake), ones)", "g_loss = -D(fake).mean()"),
            (
                "torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))",
                "torch.optim.RMSprop(G.parameters(), lr=5e-4)",
            ),
            (
                "torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.999))",
                "torch.optim.RMSprop(D.parameters(), lr=5e-4)",
            ),
        ),
    ),
    (
        GAN,
        (
            ("nn.LeakyReLU(0.2), nn.Linear(32, 1))", "nn.LeakyReLU(0.2), nn.Linear(32, 1), nn.Sigmoid())"),
            ("nn.BCEWithLogitsLoss()", "nn.BCELoss()"),
            ("bce(D(real), ones)", "bce(D(real), ones * 0.9)"),
        ),
    ),
    (
        GAN,
        (  # no detach: what the generator got from the discriminator's loss is zeroed before its own
            ("bce(D(fake.detach()), zeros)", "bce(D(fake), zeros)"),
            ("d_loss.backward()", "d_loss.backward(retain_graph=True)"),
        ),
    ),
    (
        GAN,
        (  # hinge with a gradient penalty
            (
                "d_loss = bce(D(real), ones) + bce(D(fake.detach()), zeros)",
                "d_loss = torch.relu(1 - D(real)).mean() + torch.relu(1 + D(fake.detach())).mean()\n    real.requires_grad_(True)\n    (grad,) = torch.autograd.grad(D(real).sum(), real, create_graph=True)\n    d_loss = d_loss + 0.5 * grad.pow(2).sum(1).mean()",
            ),
            ("g_loss = bce(D(fake), ones)", "g_loss = -D(fake).mean()"),
        ),
    ),
    # policies
    (
        POLICY,
        (  # a baseline that learns along
            (
                "self.fc2 = nn.Linear(hidden, n_actions)",
                "self.fc2 = nn.Linear(hidden, n_actions)\n        self.value = nn.Linear(hidden, 1)",
            ),
            (
                "        return self.fc2(torch.tanh(self.fc1(x)))",
                "        h = torch.tanh(self.fc1(x))\n        return self.fc2(h), self.value(h)",
            ),
            ("        logits = policy(", "        logits, value = policy("),
            ("log_probs, rewards = [], []", "log_probs, rewards, values = [], [], []"),
            (
                "        rewards.append(reward)\n",
                "        rewards.append(reward)\n        values.append(value.squeeze(1))\n",
            ),
            (
                "    loss = -(torch.cat(log_probs) * returns).sum()",
                "    values = torch.cat(values)\n    advantage = returns - values.detach()\n    loss = -(torch.cat(log_probs) * advantage).mean() + 0.5 * (values - returns).pow(2).mean()",
            ),
        ),
    ),
    (
        POLICY,
        (
            (
                "    loss = -(torch.cat(log_probs) * returns).sum()",
                "    loss = -(torch.cat(log_probs) * returns).mean() - 0.01 * torch.log_softmax(logits, 1).neg().mean()",
            ),
        ),
    ),
    (
        POLICY,
        (  # several episodes for each step
            (
                "    loss = -(torch.cat(log_probs) * returns).sum()\n    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()\n",
                "    loss = -(torch.cat(log_probs) * returns).sum() / 4\n    loss.backward()\n    if episode % 4 == 3:\n        optimizer.step()\n        optimizer.zero_grad()\n",
            ),
        ),
    ),
    (
        POLICY,
        (  # Q-learning with a target network and a buffer
            (
                "optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)",
                "target = Policy()\ntarget.load_state_dict(policy.state_dict())\nbuffer, rng = [], np.random.default_rng(1)\noptimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)",
            ),
            (
                "        logits = policy(torch.from_numpy(state).unsqueeze(0))\n        dist = Categorical(logits=logits)\n        action = dist.sample()\n        log_probs.append(dist.log_prob(action))\n        state, reward, done = env.step(action.item())\n        rewards.append(reward)\n",
                "        if rng.random() < 0.2:\n            action = int(rng.integers(3))\n        else:\n            with torch.no_grad():\n                action = policy(torch.from_numpy(state)).argmax().item()\n        following, reward, done = env.step(action)\n        buffer.append((state, action, reward, following, done))\n        state = following\n        rewards.append(reward)\n",
            ),
            (
                "    returns, R = [], 0.0\n    for r in reversed(rewards):\n        R = r + gamma * R\n        returns.insert(0, R)\n    returns = torch.tensor(returns, dtype=torch.float32)\n    returns = (returns - returns.mean()) / (returns.std() + 1e-8)\n    loss = -(torch.cat(log_probs) * returns).sum()\n    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()\n",
                "    for _ in range(4):\n        rows = [buffer[i] for i in rng.integers(0, len(buffer), 32)]\n        s, a, r, s2, d = (torch.tensor(np.array(c), dtype=torch.float32) for c in zip(*rows))\n        q = policy(s).gather(1, a.long().unsqueeze(1)).squeeze(1)\n        with torch.no_grad():\n            best = target(s2).max(1).values\n        loss = nn.functional.smooth_l1_loss(q, r + gamma * best * (1 - d))\n        optimizer.zero_grad()\n        loss.backward()\n        optimizer.step()\n    if episode % 10 == 0:\n        target.load_state_dict(policy.state_dict())\n",
            ),
        ),
    ),
]

WRONG: list[tuple[str, Patch, tuple[str, ...]]] = [
    # shapes
    (HOUSE, (("self.net(x).squeeze(-1)", "self.net(x)"),), ("accidental-broadcast",)),
    (
        HOUSE,
        (("self.net(x).squeeze(-1)", "self.net(x)"), ("nn.MSELoss()", "nn.SmoothL1Loss()")),
        ("accidental-broadcast",),
    ),
    (
        HOUSE,
        (
            (
                "self.y = torch.tensor(y, dtype=torch.float32)",
                "self.y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)",
            ),
            ("loss_fn = nn.MSELoss()", "loss_fn = lambda p, t: torch.mean((p - t) ** 2)"),
        ),
        ("accidental-broadcast",),
    ),
    (
        RATINGS,
        (
            (
                "dot = (self.user_emb(user) * self.movie_emb(movie)).sum(1)",
                "dot = (self.user_emb(user) * self.movie_emb(movie)).sum(1, keepdim=True)",
            ),
            (
                "self.user_bias(user).squeeze(1) + self.movie_bias(movie).squeeze(1)",
                "self.user_bias(user) + self.movie_bias(movie)",
            ),
        ),
        ("accidental-broadcast",),
    ),
    (
        RATINGS,
        (("self.user_bias(user).squeeze(1)", "self.user_bias(user)"),),
        ("accidental-broadcast", "output-shape-mismatch", "examples-mixed"),
    ),
    (
        CHURN,
        (
            (
                "logits = model(xb).squeeze(1)\n        loss = criterion(logits, yb)",
                "p = torch.sigmoid(model(xb))\n        loss = -(3 * yb * torch.log(p + 1e-7) + (1 - yb) * torch.log(1 - p + 1e-7)).mean()",
            ),
        ),
        ("accidental-broadcast",),
    ),
    (
        HOUSE,
        (
            ("nn.Linear(hidden, 1)", "nn.Linear(hidden, d_in)"),
            ("self.net(x).squeeze(-1)", "self.net(x)"),
            (
                "self.y = torch.tensor(y, dtype=torch.float32)",
                "self.y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)",
            ),
            ("preds.append(out.numpy())", "preds.append(out[:, 0].numpy())"),
        ),
        ("output-shape-mismatch", "accidental-broadcast"),
    ),
    (
        LIGHT,
        (("F.cross_entropy(self(x), y)", "F.nll_loss(torch.log(F.softmax(self(x), dim=0) + 1e-9), y)"),),
        ("softmax-wrong-dim",),
    ),
    (
        LIGHT,
        (
            (
                "self.head = nn.Linear(hidden, classes)",
                "self.head = nn.Sequential(nn.Linear(hidden, classes), nn.LogSoftmax(dim=0))",
            ),
            ("F.cross_entropy(self(x), y)", "F.nll_loss(self(x), y)"),
            ("F.cross_entropy(logits, y)", "F.nll_loss(logits, y)"),
        ),
        ("softmax-wrong-dim",),
    ),
    (
        CHURN,
        (
            ("self.relu = nn.ReLU()", "self.relu = nn.ReLU()\n        self.softmax = nn.Softmax(dim=1)"),
            ("return self.out(x)", "return self.softmax(self.out(x))"),
            ("torch.sigmoid(model(xb)).squeeze(1)", "model(xb).squeeze(1)"),
            ("nn.BCEWithLogitsLoss(pos_weight=pos_weight)", "nn.BCELoss()"),
        ),
        ("constant-output",),
    ),
    (
        RATINGS,
        (
            ("self.mean\n\n\ndef", "self.mean\n\n\n#\ndef"),
            (
                "        dot = (self.user_emb(user) * self.movie_emb(movie)).sum(1)\n        return dot + self.user_bias(user).squeeze(1) + self.movie_bias(movie).squeeze(1) + self.mean",
                "        u, m = self.user_emb(user), self.movie_emb(movie)\n        dot = (u.mean(0) * m.mean(0)).sum()\n        return dot + self.user_bias(user).mean() + self.movie_bias(movie).mean() + self.mean + 0 * user",
            ),
        ),
        ("constant-output", "examples-mixed"),
    ),
    # rows that look at each other
    (
        CHURN,
        (
            (
                "        x = self.relu(self.layer_1(x))\n",
                "        x = (x - x.mean(dim=0)) / (x.std(dim=0) + 1e-6)\n        x = self.relu(self.layer_1(x))\n",
            ),
        ),
        ("examples-mixed",),
    ),
    (
        LIGHT,
        (("return self.head(self.encoder(x))", "return self.head(F.normalize(self.encoder(x), dim=0))"),),
        ("examples-mixed",),
    ),
    (
        CHURN,
        (  # columns as tokens, and a transformer that takes the first dimension for the sequence
            (
                "self.layer_1 = nn.Linear(n_features, 32)\n        self.layer_2 = nn.Linear(32, 16)\n        self.out = nn.Linear(16, 1)",
                "self.column = nn.Parameter(torch.randn(n_features, 16) * 0.1)\n        self.offset = nn.Parameter(torch.randn(n_features, 16) * 0.1)\n        self.encoder = nn.TransformerEncoderLayer(16, 2, dim_feedforward=32, dropout=0.0)\n        self.out = nn.Linear(16, 1)",
            ),
            (
                "        x = self.relu(self.layer_1(x))\n        x = self.dropout(x)\n        x = self.relu(self.layer_2(x))\n        return self.out(x)",
                "        tokens = x.unsqueeze(-1) * self.column + self.offset\n        return self.out(self.encoder(tokens).mean(dim=1))",
            ),
            ("default=12", "default=5"),
        ),
        ("examples-mixed",),
    ),
    (
        RATINGS,
        (
            (
                "dot = (self.user_emb(user) * self.movie_emb(movie)).sum(1)",
                "dot = (self.user_emb(user) @ self.movie_emb(movie).t()).mean(1)",
            ),
        ),
        ("examples-mixed",),
    ),
    # inputs
    (
        CHURN,
        (
            (
                "num_train = scaler.fit_transform(train_df[NUM].fillna(medians))",
                "num_train = train_df[NUM].fillna(medians).values",
            ),
            (
                "num_test = scaler.transform(test_df[NUM].fillna(medians))",
                "num_test = test_df[NUM].fillna(medians).values",
            ),
        ),
        ("input-not-normalised",),
    ),
    (
        HOUSE,
        (
            ("HouseDataset(X_tr_s, y_tr_s)", "HouseDataset(X_tr, y_tr_s)"),
            ("HouseDataset(X_va_s, y_va_s)", "HouseDataset(X_va, y_va_s)"),
        ),
        ("input-not-normalised",),
    ),
    (
        LIGHT,
        (("x_train, x_val = scaler.transform(x_train), scaler.transform(x_val)\n", ""),),
        ("input-not-normalised",),
    ),
    (
        LIGHT,
        (
            (
                "x_train, x_val = scaler.transform(x_train), scaler.transform(x_val)\n",
                "x_train, x_val = scaler.transform(x_train) / 255.0, scaler.transform(x_val) / 255.0\n",
            ),
        ),
        ("input-over-normalised",),
    ),
    (
        HOUSE,
        (
            ("X_tr_s = x_scaler.fit_transform(X_tr)", "X_tr_s = x_scaler.transform(x_scaler.fit_transform(X_tr))"),
            ("X_va_s = x_scaler.transform(X_va)", "X_va_s = x_scaler.transform(x_scaler.transform(X_va))"),
        ),
        ("input-over-normalised", "input-not-normalised"),
    ),
    (CHURN, ((".fillna(medians)", ""),), ("input-not-finite",)),
    (
        CHURN,
        (
            ("def prepare(df):\n", "def prepare(df):\n    df['calls'] = np.log(df['calls'])\n"),
            (
                "scaler = StandardScaler()",
                "class Scaler:\n        def fit_transform(self, d):\n            self.m, self.s = d.mean(), d.std()\n            return self.transform(d)\n        def transform(self, d):\n            return ((d - self.m) / self.s).values\n    scaler = Scaler()",
            ),
        ),
        ("input-not-finite",),
    ),
    (
        HOUSE,
        (
            (
                "X_tr_s = x_scaler.fit_transform(X_tr)",
                "X_tr[:, 3] = 2000\n    X_tr_s = (X_tr - X_tr.mean(0)) / X_tr.std(0)",
            ),
            ("X_va_s = x_scaler.transform(X_va)", "X_va_s = (X_va - X_tr.mean(0)) / X_tr.std(0)"),
        ),
        ("input-not-finite",),
    ),
    (
        HOUSE,
        (
            ("self.X = torch.tensor(X, dtype=torch.float32)", "self.X = torch.tensor(X, dtype=torch.long)"),
            ("return self.X[idx], self.y[idx]", "return self.X[idx].float(), self.y[idx]"),
        ),
        ("input-casting",),
    ),
    (
        CHURN,
        (
            (
                'np.hstack([num_train, cat_train.values]).astype("float32")',
                "np.hstack([num_train, cat_train.values]).astype(int).astype('float32')",
            ),
            (
                'np.hstack([num_test, cat_test.values]).astype("float32")',
                "np.hstack([num_test, cat_test.values]).astype(int).astype('float32')",
            ),
        ),
        ("input-casting",),
    ),
    (
        LIGHT,
        (
            (
                "x_train, x_val = scaler.transform(x_train), scaler.transform(x_val)\n",
                "x_train, x_val = scaler.transform(x_train).astype('uint8'), scaler.transform(x_val).astype('uint8')\n",
            ),
        ),
        ("input-casting",),
    ),
    (
        HOUSE,
        (("        return self.X[idx], self.y[idx]", "        return self.X[0], self.y[idx]"),),
        ("input-degenerate", "input-ignored"),
    ),
    (
        HOUSE,
        (
            ("X_tr_s = x_scaler.fit_transform(X_tr)", "X_tr_s = np.clip(X_tr, 0, 1)"),
            ("X_va_s = x_scaler.transform(X_va)", "X_va_s = np.clip(X_va, 0, 1)"),
        ),
        ("input-degenerate",),
    ),
    (
        CHURN,
        (
            (
                "    medians = train_df[NUM].median()\n",
                "    medians = train_df[NUM].median()\n    for c in NUM:\n        train_df[c] = medians[c]\n        test_df[c] = medians[c]\n",
            ),
            ("cat_train = pd.get_dummies(train_df[CAT])", "cat_train = pd.get_dummies(train_df[CAT[:1]])"),
            ("pd.get_dummies(test_df[CAT])", "pd.get_dummies(test_df[CAT[:1]])"),
        ),
        ("input-degenerate",),
    ),
    # what training and evaluation get
    (
        CHURN,
        (
            (
                "num_test = scaler.transform(test_df[NUM].fillna(medians))",
                "num_test = test_df[NUM].fillna(medians).values",
            ),
        ),
        ("train-eval-preprocessing-differ",),
    ),
    (
        LIGHT,
        (("scaler.transform(x_train), scaler.transform(x_val)", "scaler.transform(x_train), x_val"),),
        ("train-eval-preprocessing-differ",),
    ),
    (
        HOUSE,
        (("X_va_s = x_scaler.transform(X_va)", "X_va_s = x_scaler.fit_transform(X_va)"),),
        ("train-eval-preprocessing-differ", "preprocessing-leak"),
    ),
    (
        CHURN,
        (
            (
                "num_test = scaler.transform(test_df[NUM].fillna(medians))",
                "num_test = scaler.transform(test_df[NUM[::-1]].fillna(medians).values)",
            ),
        ),
        ("train-eval-preprocessing-differ",),
    ),
    (
        CHURN,
        (
            (
                "num_train = scaler.fit_transform(train_df[NUM].fillna(medians))",
                "log_train = train_df[NUM].fillna(medians)\n    log_train['balance'] = np.log1p(log_train['balance'])\n    num_train = scaler.fit_transform(log_train)",
            ),
        ),
        ("train-eval-preprocessing-differ",),
    ),
    (
        CHURN,
        (
            (
                "cat_test = pd.get_dummies(test_df[CAT]).reindex(columns=cat_train.columns, fill_value=False)",
                "cat_test = pd.get_dummies(test_df[CAT[::-1]])",
            ),
        ),
        ("train-eval-preprocessing-differ",),
    ),
    (
        RATINGS,
        (
            (
                "valid = ratings[:cut], ratings[cut:]",
                'valid = ratings[:cut], ratings[cut:].copy()\nvalid["user"] = valid["userId"].rank(method="dense").astype(int).values - 1\nvalid["movie"] = LabelEncoder().fit_transform(valid["movieId"].values[::-1])',
            ),
        ),
        ("train-eval-preprocessing-differ", "labels-out-of-order"),
    ),
    (
        CHURN,
        (("x = self.relu(self.layer_1(x))", "x = torch.zeros_like(x)\n        x = self.relu(self.layer_1(x))"),),
        ("input-ignored",),
    ),
    (
        CHURN,
        (
            (
                "    X_train = np.hstack",
                '    cat_train["churn"] = train_df["churn"]\n    cat_test["churn"] = test_df["churn"]\n    X_train = np.hstack',
            ),
        ),
        ("input-ignored", "preprocessing-leak"),
    ),
    (
        RATINGS,
        (
            ("self.movie_emb(movie)", "self.movie_emb(movie * 0)"),
            ("self.movie_bias(movie)", "self.movie_bias(movie * 0)"),
            ("self.user_emb(user)", "self.user_emb(user * 0)"),
            ("self.user_bias(user)", "self.user_bias(user * 0)"),
        ),
        ("input-ignored", "input-degenerate", "constant-output"),
    ),
    # labels
    (
        CHURN,
        (
            (
                "    return X_train, X_test, train_df",
                "    np.random.default_rng(0).shuffle(X_train)\n    return X_train, X_test, train_df",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        CHURN,
        (
            (
                'return X_train, X_test, train_df["churn"].values',
                'return X_train, X_test, df["churn"].values[:len(X_train)]',
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        HOUSE,
        (
            (
                "X_tr, X_va, y_tr, y_va = X[tr], X[va], y[tr], y[va]",
                "X_tr, X_va, y_tr, y_va = X[tr], X[va], y[:len(tr)], y[len(tr):]",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        LIGHT,
        (
            (
                "x_train, x_val, y_train, y_val = train_test_split(data, target, test_size=0.3, random_state=0, stratify=target)",
                "x_train, x_val = train_test_split(data, test_size=0.3, random_state=0)\ny_train, y_val = train_test_split(target, test_size=0.3, random_state=1)",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        RATINGS,
        (
            (
                "ratings = ratings.sample(frac=1, random_state=1).reset_index(drop=True)",
                'ratings["rating"] = ratings["rating"].sample(frac=1, random_state=1).values',
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        HOUSE,
        (
            (
                "        return self.X[idx], self.y[idx]",
                "        return self.X[idx], self.y[np.random.randint(len(self.y))]",
            ),
        ),
        ("labels-out-of-order",),
    ),
    (
        LIGHT,
        (
            (
                "train_dl = DataLoader(make_set(x_train, y_train)",
                "import numpy as np\nwrong = np.random.default_rng(0).random(len(y_train)) < 0.35\ny_train = np.where(wrong, np.random.default_rng(1).integers(0, 3, len(y_train)), y_train)\ntrain_dl = DataLoader(make_set(x_train, y_train)",
            ),
        ),
        ("labels-corrupt",),
    ),
    (
        LIGHT,
        (
            (
                "train_dl = DataLoader(make_set(x_train, y_train)",
                "train_dl = DataLoader(make_set(x_train, (y_train + 1) % 3)",
            ),
        ),
        ("labels-corrupt",),
    ),
    (
        LIGHT,
        (
            (
                "        loss = F.cross_entropy(self(x), y)",
                "        loss = F.cross_entropy(self(x), torch.where(y == 2, torch.zeros_like(y), y))",
            ),
        ),
        ("labels-corrupt",),
    ),
    (
        LIGHT,
        (
            (
                "data, target = load_wine(return_X_y=True)",
                "data, target = load_wine(return_X_y=True)\ntarget = target + 1",
            ),
        ),
        ("label-out-of-range",),
    ),
    (LIGHT, (("classes=3", "classes=2"),), ("label-out-of-range", "output-shape-mismatch")),
    (
        LIGHT,
        (("torch.tensor(y, dtype=torch.long)", "torch.tensor(y, dtype=torch.float32)"),),
        ("label-format-mismatch",),
    ),
    (
        LIGHT,
        (("F.cross_entropy(self(x), y)", "F.cross_entropy(self(x), F.one_hot(y, 3))"),),
        ("label-format-mismatch",),
    ),
    (
        LIGHT,
        (("torch.tensor(y, dtype=torch.long)", "torch.tensor(y, dtype=torch.long).unsqueeze(1)"),),
        ("label-format-mismatch",),
    ),
    (CHURN, (("torch.from_numpy(y_train).float()", "torch.from_numpy(y_train)"),), ("label-format-mismatch",)),
    (
        CHURN,
        (
            (
                '    return X_train, X_test, train_df["churn"].values, test_df["churn"].values',
                '    return X_train, X_test, (train_df["churn"] == "1").values.astype(int), test_df["churn"].values',
            ),
        ),
        ("single-class",),
    ),
    (
        CHURN,
        (
            ("    medians = train_df", "    train_df = train_df[train_df.churn == 0]\n    medians = train_df"),
            (
                "pos_weight = torch.tensor([(y_train == 0).sum() / (y_train == 1).sum()], dtype=torch.float32)",
                "pos_weight = torch.tensor([1.0])",
            ),
        ),
        ("single-class",),
    ),
    (LIGHT, (("random_state=0, stratify=target)", "shuffle=False)"),), ("data-not-shuffled", "single-class")),
    (
        LIGHT,
        (
            ("batch_size=16, shuffle=True", "batch_size=16"),
            (
                "scaler = StandardScaler().fit(x_train)",
                "order = y_train.argsort()\nx_train, y_train = x_train[order], y_train[order]\nscaler = StandardScaler().fit(x_train)",
            ),
        ),
        ("data-not-shuffled",),
    ),
    (
        HOUSE,
        (
            ("y = 14000 * y + 90000", "y = 14000 * y + 90000\norder = np.argsort(y)\nX, y = X[order], y[order]"),
            ("n_splits=4, shuffle=True, random_state=0", "n_splits=4"),
        ),
        ("data-not-shuffled",),
    ),
    (
        LIGHT,
        (
            (
                "        loss = F.cross_entropy(self(x), y)",
                "        lam = 0.5\n        x = lam * x + (1 - lam) * x[torch.randperm(len(x))]\n        loss = F.cross_entropy(self(x), y)",
            ),
        ),
        ("augmentation-breaks-labels",),
    ),
    (
        LIGHT,
        (
            (
                "        loss = F.cross_entropy(self(x), y)",
                "        swap = torch.rand_like(x) < 0.8\n        x = torch.where(swap, x[torch.randperm(len(x))], x)\n        loss = F.cross_entropy(self(x), y)",
            ),
        ),
        ("augmentation-breaks-labels",),
    ),
    # the loss
    (
        CHURN,
        (
            ("return self.out(x)", "return torch.sigmoid(self.out(x))"),
            ("torch.sigmoid(model(xb)).squeeze(1)", "model(xb).squeeze(1)"),
        ),
        ("loss-expects-logits",),
    ),
    (
        LIGHT,
        (("return self.head(self.encoder(x))", "return F.softmax(self.head(self.encoder(x)), dim=-1)"),),
        ("loss-expects-logits",),
    ),
    (
        GAN,
        (("nn.LeakyReLU(0.2), nn.Linear(32, 1))", "nn.LeakyReLU(0.2), nn.Linear(32, 1), nn.Sigmoid())"),),
        ("loss-expects-logits",),
    ),
    (LIGHT, (("F.cross_entropy(self(x), y)", "F.nll_loss(self(x), y)"),), ("loss-expects-probabilities",)),
    (
        LIGHT,
        (("F.cross_entropy(self(x), y)", "F.nll_loss(F.softmax(self(x), dim=1), y)"),),
        ("loss-expects-probabilities",),
    ),
    (CHURN, (("nn.BCEWithLogitsLoss(pos_weight=pos_weight)", "nn.BCELoss()"),), ("loss-expects-probabilities",)),
    (CHURN, (("return self.out(x)", "return self.relu(self.out(x))"),), ("activation-on-logits",)),
    (
        LIGHT,
        (
            (
                "self.head = nn.Linear(hidden, classes)",
                "self.head = nn.Sequential(nn.Linear(hidden, classes), nn.Tanh())",
            ),
        ),
        ("activation-on-logits",),
    ),
    (
        RATINGS,
        (
            (
                "return dot + self.user_bias(user).squeeze(1) + self.movie_bias(movie).squeeze(1) + self.mean",
                "return torch.sigmoid(dot + self.user_bias(user).squeeze(1) + self.movie_bias(movie).squeeze(1))",
            ),
        ),
        ("output-range-cannot-reach-targets",),
    ),
    (
        HOUSE,
        (("            nn.Linear(hidden, 1),\n", "            nn.Linear(hidden, 1), nn.ReLU(),\n"),),
        ("output-range-cannot-reach-targets",),
    ),
    (
        HOUSE,
        (("self.net(x).squeeze(-1)", "torch.tanh(self.net(x)).squeeze(-1)"),),
        ("output-range-cannot-reach-targets",),
    ),
    (
        LIGHT,
        (
            ("self.head = nn.Linear(hidden, classes)", "self.head = nn.Linear(hidden, 1)"),
            ("F.cross_entropy(self(x), y)", "F.mse_loss(self(x).squeeze(1), y.float())"),
            ("F.cross_entropy(logits, y)", "F.mse_loss(logits.squeeze(1), y.float())"),
            ("logits.argmax(dim=1)", "logits.squeeze(1).round()"),
        ),
        ("loss-target-mismatch",),
    ),
    (HOUSE, (("loss_fn = nn.MSELoss()", "loss_fn = nn.BCEWithLogitsLoss()"),), ("loss-target-mismatch",)),
    (
        HOUSE,
        (
            ("HouseDataset(X_tr_s, y_tr_s)", "HouseDataset(X_tr_s, y_tr)"),
            ("HouseDataset(X_va_s, y_va_s)", "HouseDataset(X_va_s, y_va)"),
            ("y_scaler.inverse_transform(np.concatenate(preds).reshape(-1, 1)).ravel()", "np.concatenate(preds)"),
        ),
        ("loss-at-init-off",),
    ),
    (RATINGS, (("uniform_(-0.05, 0.05)", "normal_(0, 3)"),), ("loss-at-init-off", "bad-initialisation")),
    (CHURN, (("loss.backward()", "(-loss).backward()"),), ("loss-sign-flipped",)),
    (RATINGS, (("F.mse_loss(y_hat, stars)", "-((y_hat - stars) ** 2).mean()"),), ("loss-sign-flipped",)),
    (
        CHURN,
        (
            (
                "        loss = criterion(logits, yb)",
                "        p = torch.sigmoid(logits)\n        loss = (yb * torch.log(p + 1e-6) + (1 - yb) * torch.log(1 - p + 1e-6)).mean()",
            ),
        ),
        ("loss-sign-flipped",),
    ),
    (
        POLICY,
        (("loss = -(torch.cat(log_probs) * returns).sum()", "loss = (torch.cat(log_probs) * returns).sum()"),),
        ("loss-sign-flipped",),
    ),
    (
        CHURN,
        (
            (
                "torch.optim.Adam(model.parameters(), lr=args.lr)",
                "torch.optim.Adam(model.parameters(), lr=args.lr, maximize=True)",
            ),
        ),
        ("loss-sign-flipped",),
    ),
    (
        HOUSE,
        (
            (
                "loss = loss_fn(pred, yb)\n            optimizer",
                "loss = loss_fn(pred, yb).clamp(max=0.5)\n            optimizer",
            ),
        ),
        ("loss-clipped",),
    ),
    (
        HOUSE,
        (
            ("loss_fn = nn.MSELoss()", "loss_fn = lambda p, t: ((p - t) ** 2).sum()"),
            ("torch.optim.Adam(model.parameters(), lr=5e-3)", "torch.optim.SGD(model.parameters(), lr=1e-3)"),
            (".item() * len(xb)", ".item()"),
        ),
        ("loss-sum-reduction",),
    ),
    (
        HOUSE,
        (
            (
                "loss_fn = nn.MSELoss()",
                "loss_fn = lambda p, t: torch.sqrt(torch.mean((torch.log(p + 1) - torch.log(t + 1)) ** 2))",
            ),
        ),
        ("loss-not-finite",),
    ),
    (
        CHURN,
        (
            (
                "        loss = criterion(logits, yb)",
                "        p = torch.sigmoid(logits * 200)\n        loss = -(yb * torch.log(p) + (1 - yb) * torch.log(1 - p)).mean()",
            ),
        ),
        ("loss-not-finite",),
    ),
    # the model
    (
        CHURN,
        (
            ("self.dropout = nn.Dropout(0.2)", "self.bn = nn.BatchNorm1d(32)"),
            (
                "        x = self.relu(self.layer_1(x))\n        x = self.dropout(x)",
                "        x = self.relu(self.bn(self.layer_1(x)))",
            ),
        ),
        ("bias-before-batch-norm",),
    ),
    (
        CHURN,
        (("self.relu(self.layer_1(x))", "self.layer_1(x)"), ("self.relu(self.layer_2(x))", "self.layer_2(x)")),
        ("missing-nonlinearity",),
    ),
    (
        LIGHT,
        (("nn.Linear(in_dim, hidden), nn.ReLU(), nn.Dropout(0.1)", "nn.Linear(in_dim, hidden), nn.Dropout(0.1)"),),
        ("missing-nonlinearity",),
    ),
    (
        HOUSE,
        (
            (
                "            nn.Linear(hidden, 1),\n        )\n",
                "            nn.Linear(hidden, 1),\n        )\n        nn.init.constant_(self.net[0].bias, -50.0)\n",
            ),
        ),
        ("dead-units",),
    ),
    (
        CHURN,
        (
            ("self.relu = nn.ReLU()", "self.relu = nn.Sigmoid()"),
            (
                "num_train = scaler.fit_transform(train_df[NUM].fillna(medians))",
                "num_train = train_df[NUM].fillna(medians).values",
            ),
            (
                "num_test = scaler.transform(test_df[NUM].fillna(medians))",
                "num_test = test_df[NUM].fillna(medians).values",
            ),
        ),
        ("input-not-normalised", "saturated-units"),
    ),
    (
        LIGHT,
        (
            ("nn.ReLU(), nn.Dropout(0.1)", "nn.Tanh(), nn.Dropout(0.1)"),
            (
                "self.head = nn.Linear(hidden, classes)",
                "self.head = nn.Linear(hidden, classes)\n        nn.init.normal_(self.encoder[0].weight, std=20.0)",
            ),
        ),
        ("saturated-units", "bad-initialisation"),
    ),
    (
        CHURN,
        (
            (
                "        self.dropout = nn.Dropout(0.2)\n",
                "        self.dropout = nn.Dropout(0.2)\n        for p in self.parameters():\n            nn.init.zeros_(p)\n",
            ),
        ),
        ("bad-initialisation",),
    ),
    (
        HOUSE,
        (
            (
                "            nn.Linear(hidden, 1),\n        )\n",
                "            nn.Linear(hidden, 1),\n        )\n        for m in self.net:\n            if isinstance(m, nn.Linear):\n                nn.init.uniform_(m.weight)\n",
            ),
        ),
        ("bad-initialisation", "loss-at-init-off"),
    ),
    (
        LIGHT,
        (
            (
                "self.head = nn.Linear(hidden, classes)",
                "self.head = nn.Linear(hidden, classes)\n        self.encoder[0].weight.data.fill_(0.1)\n        self.head.weight.data.fill_(0.1)",
            ),
            ("nn.Dropout(0.1)", "nn.Identity()"),
        ),
        ("bad-initialisation",),
    ),
    (
        CHURN,
        (  # a plain list of embeddings
            (
                "    cat_train = pd.get_dummies(train_df[CAT])\n    cat_test = pd.get_dummies(test_df[CAT]).reindex(columns=cat_train.columns, fill_value=False)\n",
                "    cats = {c: {v: i for i, v in enumerate(sorted(train_df[c].unique()))} for c in CAT}\n    cat_train = pd.DataFrame({c: train_df[c].map(cats[c]) for c in CAT})\n    cat_test = pd.DataFrame({c: test_df[c].map(cats[c]) for c in CAT})\n",
            ),
            (
                "self.layer_1 = nn.Linear(n_features, 32)",
                "self.embs = [nn.Embedding(3, 2), nn.Embedding(4, 2)]\n        self.layer_1 = nn.Linear(len(NUM) + 4, 32)",
            ),
            (
                "        x = self.relu(self.layer_1(x))\n",
                "        cat = x[:, len(NUM):].long()\n        x = torch.cat([x[:, :len(NUM)]] + [e(cat[:, i]) for i, e in enumerate(self.embs)], dim=1)\n        x = self.relu(self.layer_1(x))\n",
            ),
        ),
        ("parameter-not-registered",),
    ),
    (
        RATINGS,
        (
            (
                "self.user_bias = nn.Embedding(n_users, 1)",
                "self.user_bias = torch.zeros(n_users, 1, requires_grad=True)",
            ),
            ("self.user_bias(user)", "self.user_bias[user]"),
            ("        self.user_bias.weight.data.zero_()\n", ""),
        ),
        ("parameter-not-registered",),
    ),
    (
        LIGHT,
        (
            ("nn.Dropout(0.1))", "nn.BatchNorm1d(hidden))"),
            ("batch_size=16, shuffle=True", "batch_size=2, shuffle=True"),
            ("max_epochs=12", "max_epochs=3"),
        ),
        ("batch-norm-batch-too-small",),
    ),
    # gradients
    (
        CHURN,
        (
            (
                "        loss = criterion(logits, yb)",
                "        loss = criterion(torch.tensor(logits.tolist(), requires_grad=True), yb)",
            ),
        ),
        ("gradient-does-not-flow",),
    ),
    (CHURN, (("x = self.relu(self.layer_2(x))", "x = self.relu(self.layer_2(x.data))"),), ("gradient-does-not-flow",)),
    (
        LIGHT,
        (
            (
                "return self.head(self.encoder(x))",
                "with torch.no_grad():\n            h = self.encoder(x)\n        return self.head(h)",
            ),
        ),
        ("gradient-does-not-flow",),
    ),
    (
        CHURN,
        (
            (
                "        loss = criterion(logits, yb)",
                "        preds = torch.round(torch.sigmoid(logits))\n        loss = ((preds - yb) ** 2).mean() + 0 * logits.sum()",
            ),
        ),
        ("gradient-does-not-flow",),
    ),
    (GAN, (("g_loss = bce(D(fake), ones)", "g_loss = bce(D(fake.detach()), ones)"),), ("gradient-does-not-flow",)),
    (
        HOUSE,
        (
            (
                "            nn.Linear(hidden, hidden), nn.ReLU(),\n",
                "            *[m for _ in range(12) for m in (nn.Linear(hidden, hidden), nn.Sigmoid())],\n",
            ),
        ),
        ("gradient-vanishing",),
    ),
    (
        LIGHT,
        (
            (
                "self.head = nn.Linear(hidden, classes)",
                "self.head = nn.Sequential(*[m for _ in range(10) for m in (nn.Linear(hidden, hidden), nn.ReLU())], nn.Linear(hidden, classes))\n        for m in self.head:\n            if isinstance(m, nn.Linear):\n                nn.init.normal_(m.weight, std=1.0)",
            ),
        ),
        ("gradient-exploding", "bad-initialisation"),
    ),
    (
        RATINGS,
        (
            (
                "F.mse_loss(y_hat, stars)",
                "F.mse_loss(y_hat, stars) + 0.01 * (self_norm := (model.user_bias(users) ** 2).sum(1).sqrt().mean())",
            ),
        ),
        ("gradient-not-finite",),
    ),
    (CHURN, (("        optimizer.zero_grad()\n", ""),), ("gradients-accumulate",)),
    (GAN, (("    opt_d.zero_grad()\n", ""),), ("gradients-accumulate",)),
    (POLICY, (("    optimizer.zero_grad()\n", ""),), ("gradients-accumulate",)),
    (
        CHURN,
        (
            (
                "        optimizer.step()\n",
                "        optimizer.step()\n        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)\n",
            ),
        ),
        ("clip-after-step",),
    ),
    (
        HOUSE,
        (
            (
                "                val_loss += loss_fn(out, yb).item() * len(xb)\n",
                "                v = loss_fn(out, yb)\n                optimizer.zero_grad()\n                v.backward()\n                optimizer.step()\n                val_loss += v.item() * len(xb)\n",
            ),
            ("with torch.no_grad():", "if True:"),
            ("out.numpy()", "out.detach().numpy()"),
        ),
        ("backward-in-evaluation",),
    ),
    # the optimiser
    (
        CHURN,
        (("torch.optim.Adam(model.parameters(), lr=args.lr)", "torch.optim.Adam(model.out.parameters(), lr=args.lr)"),),
        ("parameter-not-in-optimiser",),
    ),
    (
        RATINGS,
        (
            (
                "torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-5)",
                "torch.optim.Adam(list(model.user_emb.parameters()) + list(model.user_bias.parameters()), lr=0.01)",
            ),
        ),
        ("parameter-not-in-optimiser",),
    ),
    (
        LIGHT,
        (
            ("self.encoder = nn.Sequential(", "self.opt = None\n        self.encoder = nn.Sequential("),
            (
                "torch.optim.Adam(self.parameters(), lr=self.lr)",
                "torch.optim.Adam(self.encoder.parameters(), lr=self.lr)",
            ),
        ),
        ("parameter-not-in-optimiser",),
    ),
    (
        HOUSE,
        (  # one optimiser for all the folds' models
            (
                "    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)\n",
                "    if fold == 0:\n        optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)\n",
            ),
        ),
        ("optimiser-holds-foreign-parameters", "parameter-not-in-optimiser"),
    ),
    (
        CHURN,
        (
            (
                "    for epoch in range(args.epochs):\n",
                "    model = ChurnNet(X_train.shape[1])\n    for epoch in range(args.epochs):\n",
            ),
        ),
        ("optimiser-holds-foreign-parameters", "parameter-not-in-optimiser"),
    ),
    (POLICY, (("lr=1e-2", "lr=3.0"),), ("learning-rate-too-high",)),
    (
        CHURN,
        (
            ("torch.optim.Adam(model.parameters(), lr=args.lr)", "torch.optim.SGD(model.parameters(), lr=args.lr)"),
            ("default=3e-3", "default=60.0"),
        ),
        ("learning-rate-too-high",),
    ),
    (HOUSE, (("lr=5e-3", "lr=2.0"),), ("learning-rate-too-high",)),
    (RATINGS, (("lr=0.01", "lr=1e-6"),), ("learning-rate-too-low",)),
    (
        CHURN,
        (
            ("torch.optim.Adam(model.parameters(), lr=args.lr)", "torch.optim.SGD(model.parameters(), lr=args.lr)"),
            ("default=3e-3", "default=1e-6"),
        ),
        ("learning-rate-too-low",),
    ),
    (
        HOUSE,
        (
            ("            optimizer.step()\n", "            optimizer.step()\n            scheduler.step()\n"),
            ("    loss_fn = nn.MSELoss()\n", "    loss_fn = nn.MSELoss()\n    scheduler = None\n"),
            (
                "    for epoch in range(12):\n",
                "    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.7)\n    for epoch in range(12):\n",
            ),
        ),
        ("schedule-stepped-wrongly",),
    ),
    (
        CHURN,
        (
            ("        acc, f1, auc = evaluate", "        scheduler.step()\n        acc, f1, auc = evaluate"),
            (
                "    for epoch in range(args.epochs):\n",
                "    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=args.epochs * len(train_loader))\n    for epoch in range(args.epochs):\n",
            ),
        ),
        ("schedule-stepped-wrongly",),
    ),
    # modes
    (CHURN, (("    model.eval()\n", ""),), ("train-mode-in-evaluation",)),
    (
        HOUSE,
        (
            ("        model.eval()\n", ""),
            ("nn.Linear(hidden, hidden), nn.ReLU(),", "nn.Linear(hidden, hidden), nn.ReLU(), nn.BatchNorm1d(hidden),"),
        ),
        ("train-mode-in-evaluation",),
    ),
    (
        CHURN,
        (
            ("    model.train()\n", ""),
            ("    for epoch in range(args.epochs):\n", "    model.train()\n    for epoch in range(args.epochs):\n"),
        ),
        ("eval-mode-in-training",),
    ),
    (CHURN, (("    model.train()\n", "    model.eval()\n"),), ("eval-mode-in-training",)),
    (CHURN, (("x = self.dropout(x)", "x = nn.Dropout(0.3)(x)"),), ("dropout-active-in-evaluation",)),
    (CHURN, (("x = self.dropout(x)", "x = nn.functional.dropout(x, p=0.3)"),), ("dropout-active-in-evaluation",)),
    (
        HOUSE,
        (
            (
                "        return self.X[idx], self.y[idx]",
                "        return self.X[idx] + 0.3 * torch.randn(self.X.shape[1]), self.y[idx]",
            ),
        ),
        ("evaluation-not-deterministic",),
    ),
    # the flow of data
    (
        CHURN,
        (  # oversampled before the split
            (
                "    train_df, test_df = train_test_split(df,",
                "    df = pd.concat([df, df[df.churn == 1].sample(600, replace=True, random_state=0)])\n    train_df, test_df = train_test_split(df,",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        HOUSE,
        (  # one model goes through all the folds
            (
                "    model = Regressor(X.shape[1])\n    loss_fn = nn.MSELoss()\n    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)\n",
                "",
            ),
            (
                "scores, maes = [], []",
                "model = Regressor(X.shape[1])\nloss_fn = nn.MSELoss()\noptimizer = torch.optim.Adam(model.parameters(), lr=5e-3)\nscores, maes = [], []",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        HOUSE,
        (("X_tr, X_va, y_tr, y_va = X[tr], X[va], y[tr], y[va]", "X_tr, X_va, y_tr, y_va = X, X[va], y, y[va]"),),
        ("train-validation-overlap",),
    ),
    (
        CHURN,
        (("test_loader = DataLoader(test_ds", "test_loader = DataLoader(train_ds"),),
        ("train-validation-overlap",),
    ),
    (
        LIGHT,
        (
            (
                "train_dl = DataLoader(make_set(x_train, y_train)",
                "train_dl = DataLoader(make_set(scaler.transform(data), target)",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        RATINGS,
        (
            (
                "train, valid = ratings[:cut], ratings[cut:]",
                "train, valid = ratings.sample(frac=0.8, random_state=0), ratings.sample(frac=0.2, random_state=1)",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        CHURN,
        (  # noisy copies before the split
            (
                "    train_df, test_df = train_test_split(df,",
                "    copies = df[df.churn == 1].copy()\n    copies[NUM] = copies[NUM] * (1 + 0.001 * np.random.default_rng(0).normal(size=(len(copies), 4)))\n    df = pd.concat([df, copies, copies])\n    train_df, test_df = train_test_split(df,",
            ),
        ),
        ("train-validation-overlap",),
    ),
    (
        LIGHT,
        (("scaler = StandardScaler().fit(x_train)", "scaler = StandardScaler().fit(data)"),),
        ("preprocessing-leak",),
    ),
    (
        HOUSE,
        (
            ("X_tr_s = x_scaler.fit_transform(X_tr)\n", "X_all = x_scaler.fit_transform(X)\n    X_tr_s = X_all[tr]\n"),
            ("X_va_s = x_scaler.transform(X_va)", "X_va_s = X_all[va]"),
        ),
        ("preprocessing-leak",),
    ),
    (
        CHURN,
        (  # means of all rows, by hand
            (
                "    train_df, test_df = train_test_split(df,",
                "    df[NUM] = df[NUM].fillna(df[NUM].median())\n    df[NUM] = (df[NUM] - df[NUM].mean()) / df[NUM].std()\n    train_df, test_df = train_test_split(df,",
            ),
            ("num_train = scaler.fit_transform(train_df[NUM].fillna(medians))", "num_train = train_df[NUM].values"),
            ("num_test = scaler.transform(test_df[NUM].fillna(medians))", "num_test = test_df[NUM].values"),
        ),
        ("preprocessing-leak",),
    ),
    (
        LIGHT,
        (
            (
                "x_train, x_val, y_train, y_val = train_test_split(data,",
                "from sklearn.decomposition import PCA\ndata = PCA(n_components=13, whiten=True).fit_transform(StandardScaler().fit_transform(data))\nx_train, x_val, y_train, y_val = train_test_split(data,",
            ),
        ),
        ("preprocessing-leak",),
    ),
    (
        CHURN,
        (  # a mean of the target by category, over all rows
            (
                "    train_df, test_df = train_test_split(df,",
                "    df['plan_rate'] = df.groupby('plan')['churn'].transform('mean')\n    df['region_rate'] = df.groupby('region')['churn'].transform('mean')\n    train_df, test_df = train_test_split(df,",
            ),
            (
                'NUM = ["age", "tenure", "balance", "calls"]',
                'NUM = ["age", "tenure", "balance", "calls"]\nRATES = ["plan_rate", "region_rate"]',
            ),
            ("pd.get_dummies(train_df[CAT])", "train_df[RATES]"),
            ("pd.get_dummies(test_df[CAT]).reindex(columns=cat_train.columns, fill_value=False)", "test_df[RATES]"),
        ),
        ("preprocessing-leak",),
    ),
    # metrics
    (CHURN, (("acc = (preds == labels).mean()", "acc = (preds == labels).sum() / 1200"),), ("metric-wrong",)),
    (
        CHURN,
        (("probs.append(torch.sigmoid(model(xb)).squeeze(1))", "probs.append(model(xb).squeeze(1))"),),
        ("metric-wrong",),
    ),
    (
        CHURN,
        (("probs.append(torch.sigmoid(model(xb)).squeeze(1))", "probs.append(model(xb).argmax(dim=1))"),),
        ("metric-wrong", "constant-output"),
    ),
    (
        CHURN,
        (("probs.append(torch.sigmoid(model(xb)).squeeze(1))", "probs.append(torch.sigmoid(model(xb)))"),),
        ("metric-wrong",),
    ),
    (CHURN, (("roc_auc_score(labels, probs)", "roc_auc_score(labels, preds)"),), ("metric-wrong",)),
    (
        CHURN,
        (
            (
                "test_loader = DataLoader(test_ds, batch_size=128)",
                "test_loader = DataLoader(test_ds, batch_size=128, shuffle=True)",
            ),
            (
                "    preds = (probs > 0.5).astype(int)",
                "    labels = loader.dataset.tensors[1].numpy()\n    preds = (probs > 0.5).astype(int)",
            ),
        ),
        ("metric-wrong", "labels-out-of-order"),
    ),
    (
        CHURN,
        (  # the mean of the batches' scores
            (
                "    probs, labels = torch.cat(probs).numpy(), torch.cat(labels).numpy()\n    preds = (probs > 0.5).astype(int)\n    acc = (preds == labels).mean()\n    return acc, f1_score(labels, preds), roc_auc_score(labels, probs)",
                "    accs = [((p > 0.5) == (l > 0.5)).float().mean().item() for p, l in zip(probs, labels)]\n    f1s = [f1_score(l.numpy(), (p > 0.5).int().numpy()) for p, l in zip(probs, labels)]\n    return np.mean(accs), np.mean(f1s), 0.0",
            ),
        ),
        ("metric-wrong",),
    ),
    (HOUSE, (("r2_score(y_va, preds)", "r2_score(preds, y_va)"),), ("metric-wrong",)),
    (
        HOUSE,
        (
            (
                "r2 = r2_score(y_va, preds)\n    mae = mean_absolute_error(y_va, preds)",
                "preds = preds.reshape(-1, 1)\n    r2 = 1 - ((y_va - preds) ** 2).mean() / y_va.var()\n    mae = np.abs(y_va - preds).mean()",
            ),
        ),
        ("metric-wrong",),
    ),
    (
        HOUSE,
        (("val_loss += loss_fn(out, yb).item() * len(xb)", "val_loss += loss_fn(out, yb).item()"),),
        ("metric-wrong",),
    ),
    (
        HOUSE,
        (("y_scaler.inverse_transform(np.concatenate(preds).reshape(-1, 1)).ravel()", "np.concatenate(preds)"),),
        ("metric-wrong",),
    ),
    (RATINGS, (("rmse = (sse / len(valid)) ** 0.5", "rmse = (sse / len(train)) ** 0.5"),), ("metric-wrong",)),
    (
        RATINGS,
        (
            ("sse += ((y_hat - stars) ** 2).sum().item()", "sse += ((y_hat - stars) ** 2).mean().sqrt().item()"),
            ("rmse = (sse / len(valid)) ** 0.5", "rmse = sse / (len(valid) // 256 + 1)"),
        ),
        ("metric-wrong",),
    ),
    (RATINGS, (("    sse = 0.0\n", ""), ('best = float("inf")', 'best = float("inf")\nsse = 0.0')), ("metric-wrong",)),
    (
        LIGHT,
        (("acc = (logits.argmax(dim=1) == y).float().mean()", "acc = (logits.argmax(dim=1) == y).sum() / 32"),),
        ("metric-wrong",),
    ),
    (
        LIGHT,
        (("acc = (logits.argmax(dim=1) == y).float().mean()", "acc = (logits.argmax(dim=0) == y[:3]).float().mean()"),),
        ("metric-wrong",),
    ),
]

ACCUSED_ONCE = (
    "gradient_clip_val=1.0",
    "torch.cosh(p - t + 1e-12)",
)
MISSED_ONCE = (
    "train_df[c] = medians[c]",
    "log_train['balance']",
    'cat_train["churn"]',
    "shuffle=False)",
    "order = np.argsort(y)",
    "x = torch.where(swap",
    "nn.init.uniform_(m.weight)",
    "self.user_bias[user]",
    "nn.Dropout(0.3)(x)",
    "make_set(scaler.transform(data), target)",
    "ratings.sample(frac=0.2",
    "df[NUM].mean()) / df[NUM].std()",
    "/ 1200",
    "probs.append(model(xb).squeeze(1))",
    "model(xb).argmax(dim=1)",
    "labels = loader.dataset",
    "r2_score(preds, y_va)",
    "sse / len(train)",
)
