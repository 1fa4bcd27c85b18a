"""What `doctor` costs on programs of some seconds: small models on digits, most of them with DataLoaders.

The worst case is a small MLP without a DataLoader: its steps take 0.4 ms, and each hook counts.

Each run is a process of its own on one thread, with the doctor and without in turn; process time, not the clock, and
medians over rounds. Imports are in both: what the doctor itself imports is in its cost.

    python tests/benchmarks/doctor.py [ROUNDS [EPOCHS [PROGRAM]]]
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}" / "src"

PROGRAM = """
import sys
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
order = torch.randperm(len(images))
x = (torch.tensor(images, dtype=torch.float32)[order] / 16 - 0.3) / 0.375
y = torch.tensor(labels)[order]
x = x.reshape(SHAPE)

class Batches:
    def __iter__(self):
        return ((x[rows], y[rows]) for rows in torch.randperm(1400).split(32))

class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.GRU(8, 48, batch_first=True), nn.Linear(48, 10)

    def forward(self, rows):
        return self.head(self.layer(rows)[0][:, -1])

train = LOADER
test = DataLoader(TensorDataset(x[1400:], y[1400:]), batch_size=100)
model = MODEL
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(int(sys.argv[1])):
    model.train()
    for inputs, targets in train:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
    model.eval()
    right = 0
    with torch.no_grad():
        for inputs, targets in test:
            right += (model(inputs).argmax(1) == targets).sum().item()
    print(f"epoch {epoch}: accuracy {right / len(y[1400:]):.4f}")
"""
LOADER = "DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=32, shuffle=True)"
MODELS = {
    "MLP": ("-1, 64", "nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.1), nn.Linear(128, 10))", 120),
    "MLP without a DataLoader": ("-1, 64", "nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))", 300),
    "GRU": ("-1, 8, 8", "Recurrent()", 60),
    "CNN": (
        "-1, 1, 8, 8",
        "nn.Sequential(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),"
        " nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))",
        40,
    ),
}
WATCHED = "import sys; from arcane.cli import app; app(['doctor', *sys.argv[1:]])"


def process_seconds(command: list[str], folder: Path) -> float:
    """Processor time of a command and its children.

    Raises:
        RuntimeError: It failed, or the doctor accused a correct program.
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(SOURCE)}
    with (folder / "output").open("wb") as output:
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError((folder / "output").read_text()[-2000:])
    return usage.ru_utime + usage.ru_stime


def main(rounds: int = 3, epochs: int = 0, only: str = "") -> None:
    """Print a row for each program, or for the one of that name."""
    print("| program | epochs | without | with | ratio | extra seconds |\n|---|---|---|---|---|---|")
    for name, (shape, model, usual) in MODELS.items():
        if only not in ("", name):
            continue
        loader = "Batches()" if "without" in name else LOADER
        length = str(epochs or usual)
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            (folder / "train.py").write_text(
                PROGRAM.replace("SHAPE", shape).replace("MODEL", model).replace("LOADER", loader)
            )
            plain, watched = [], []
            for _ in range(rounds):
                plain.append(process_seconds([sys.executable, "train.py", length], folder))
                watched.append(process_seconds([sys.executable, "-c", WATCHED, "train.py", length], folder))
        ratio = statistics.median(w / p for w, p in zip(watched, plain, strict=True))
        extra = statistics.median(w - p for w, p in zip(watched, plain, strict=True))
        seconds = statistics.median(plain), statistics.median(watched)
        print(
            f"| {name} | {length} | {seconds[0]:.1f} s | {seconds[1]:.1f} s | {ratio:.2f} | {extra:.1f} |", flush=True
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:])
