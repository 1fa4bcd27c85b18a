"""A sample of the programs on pictures under the doctor; `tests/benchmarks/plain.py plain_pictures` runs them all."""

import pytest
import torch
from torch.utils.data import DataLoader, Dataset
from watched import read
from zoo.plain import patched
from zoo.plain_pictures import RIGHT, WRONG

from arcane.diagnosis import watch
from arcane.diagnosis.watching.fetching import HEARD
from arcane.diagnosis.watching.graph import ancestors

BEFORE = (  # each was accused once
    "sample = model.decode(torch.randn(16, cfg['latent']))",
    "(loss / 2).backward()",
    "both[:, i:i + 20, j:j + 20]",
)
MISSED = (  # each was missed once
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


def named(patch: tuple[tuple[str, str], ...]) -> str:
    return " ".join(new for _, new in patch)


@pytest.mark.parametrize(("program", "patch"), [one for one in RIGHT if any(text in named(one[1]) for text in BEFORE)])
def test_a_right_program_is_not_accused(program, patch, tmp_path):
    findings = read(patched(program, patch), tmp_path / "train.py")
    assert [(f.code, f.message) for f in findings if f.severity != "note"] == []


@pytest.mark.parametrize(
    ("program", "patch", "codes"), [one for one in WRONG if any(text in named(one[1]) for text in MISSED)]
)
def test_a_wrong_line_is_named(program, patch, codes, tmp_path):
    findings = read(patched(program, patch), tmp_path / "train.py")
    assert findings and findings[0].code in codes, [(f.code, f.message) for f in findings]


def test_every_patch_fits_and_runs_as_python():
    for program, patch, *_ in [*RIGHT, *WRONG]:
        compile(patched(program, patch), "plain", "exec")
    for text in BEFORE:
        assert sum(text in named(patch) for _, patch in RIGHT) == 1, text
    for text in MISSED:
        assert sum(text in named(patch) for _, patch, _ in WRONG) == 1, text


class Pictures(Dataset):
    """Forty pictures that are turned as they are asked for."""

    def __init__(self) -> None:
        self.pictures = torch.rand(40, 1, 6, 6, generator=torch.Generator().manual_seed(0))

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        picture = self.pictures[index]
        return (picture.flip(-1) if torch.rand(()) < 0.5 else picture) * 2 - 1, picture.mean()


def trained() -> tuple[list[float], torch.Tensor]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 1))
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    losses = []
    for pictures, means in DataLoader(Pictures(), 20, shuffle=True):
        loss = torch.nn.functional.mse_loss(model(pictures)[:, 0], means)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses, torch.get_rng_state()


def test_a_batch_is_known_by_its_first_items_and_made_as_without_the_doctor():
    torch.set_num_threads(1)
    losses, state = trained()
    with watch(show=False) as report:
        seen, after = trained()
    assert (seen, bool(torch.equal(state, after))) == (losses, True)
    assert report.trace is not None
    for backward in report.trace.backwards:
        items = [node for node in ancestors(backward.root) if node.name == "sub" and node.shape == (1, 6, 6)]
        assert len(items) == HEARD
