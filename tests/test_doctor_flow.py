"""Rows that go where they should not: statistics, splits, windows, copies and sequences, each beside its right twin."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from watched import blobs, codes


def fit(x: Tensor, y: Tensor, x_val: Tensor, y_val: Tensor, epochs: int = 4) -> None:
    """A small classifier, or a regression where labels are floats, in batches of 24."""
    whole = not y.is_floating_point()
    model = nn.Sequential(nn.Linear(x.shape[1], 24), nn.Tanh(), nn.Linear(24, int(y.max()) + 1 if whole else 1))
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(24):
            optimiser.zero_grad()
            z = model(x[rows])
            (F.cross_entropy(z, y[rows]) if whole else F.mse_loss(z[:, 0], y[rows])).backward()
            optimiser.step()
    with torch.no_grad():
        z = model(x_val)
        print(((z.argmax(1) == y_val).float().mean() if whole else (z[:, 0] - y_val).square().mean()).item())


def prepared(name: str, before: bool) -> None:
    """A preprocessor of scikit-learn's, fitted before the rows are cut in three or behind; one part is unused."""
    from sklearn.decomposition import PCA
    from sklearn.feature_selection import SelectKBest
    from sklearn.impute import SimpleImputer
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import RobustScaler

    made = {
        "robust": lambda: RobustScaler(),
        "pca": lambda: PCA(4),
        "best": lambda: SelectKBest(k=4),
        "chain": lambda: make_pipeline(SimpleImputer(), RobustScaler()),
    }[name]()
    x, y = (part.numpy() for part in blobs(400))
    x = x + np.float32(0.25)
    if before:
        x = made.fit_transform(x, y)
    x, rest, y, rest_y = train_test_split(x, y, test_size=0.4, random_state=0)
    x_val, _, y_val, _ = train_test_split(rest, rest_y, test_size=0.5, random_state=0)
    if not before:
        x = made.fit_transform(x, y)
        x_val = made.transform(x_val)
    fit(*(torch.as_tensor(np.asarray(part)) for part in (x, y, x_val, y_val)))


@pytest.mark.parametrize("name", ["robust", "pca", "best", "chain"])
def test_a_preprocessor_that_saw_what_is_evaluated(name: str) -> None:
    assert codes(lambda: prepared(name, False)) == []
    assert codes(lambda: prepared(name, True))[:1] == ["preprocessing-leak"]


def test_scikit_learn_is_as_it_was_afterwards() -> None:
    from sklearn import model_selection
    from sklearn.preprocessing import StandardScaler

    before = StandardScaler.fit, StandardScaler.transform, model_selection.train_test_split
    codes(lambda: prepared("robust", False))
    assert before == (StandardScaler.fit, StandardScaler.transform, model_selection.train_test_split)


def test_statistics_of_data_that_hold_doubles() -> None:
    def program(known: int) -> None:
        x, y = blobs(300)
        x, y = torch.cat([x[:290], x[:10]]), torch.cat([y[:290], y[:10]])
        x = (x - x[:known].mean(0)) / x[:known].std(0, correction=0)
        fit(x[10:200], y[10:200], torch.cat([x[200:], x[:10]]), torch.cat([y[200:], y[:10]]))

    assert codes(lambda: program(300))[:1] == ["preprocessing-leak"]


def test_a_copy_of_the_model_is_evaluated() -> None:
    """An average of the weights stands for the model that it is made from."""

    def program(known: int) -> None:
        x, y = blobs()
        x = 2 * x + 1
        x = (x - x[:known].mean(0)) / x[:known].std(0, correction=0)
        model = nn.Sequential(nn.Linear(8, 24), nn.Tanh(), nn.Linear(24, 5))
        average = copy.deepcopy(model).requires_grad_(False)
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        for _ in range(4):
            for rows in torch.randperm(240).split(24):
                optimiser.zero_grad()
                F.cross_entropy(model(x[rows]), y[rows]).backward()
                optimiser.step()
        average.load_state_dict(model.state_dict())
        with torch.no_grad():
            print((average(x[240:]).argmax(1) == y[240:]).float().mean().item())

    assert codes(lambda: program(240)) == []
    assert codes(lambda: program(300))[:1] == ["preprocessing-leak"]


def windows(series: np.ndarray, length: int = 12) -> tuple[Tensor, Tensor]:
    x = np.stack([series[i : i + length] for i in range(len(series) - length)])
    return torch.tensor(x, dtype=torch.float32), torch.tensor(series[length:], dtype=torch.float32)


@pytest.mark.parametrize(
    ("scaled", "drawn", "expected"),
    [(220, False, []), (300, False, ["preprocessing-leak"]), (220, True, ["train-validation-overlap"])],
    ids=["right", "scaled by all", "windows drawn"],
)
def test_windows_of_a_series(scaled: int, drawn: bool, expected: list[str]) -> None:
    def program() -> None:
        time = np.arange(300)
        series = np.sin(time / 5) + 0.002 * time + 0.1 * np.random.default_rng(0).standard_normal(300)
        series = (series - series[:scaled].mean()) / series[:scaled].std()
        if drawn:
            x, y = windows(series)
            order = torch.randperm(len(x))
            fit(x[order[:220]], y[order[:220]], x[order[220:]], y[order[220:]])
        else:
            fit(*windows(series[:220]), *windows(series[220:]))

    assert codes(program)[:1] == expected


def test_rows_that_are_copied_before_the_split() -> None:
    def program(early: bool) -> None:
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(400, 6, generator=generator)
        y = (x[:, 0] + 0.5 * x[:, 1] > 1.3).long()
        rows = torch.arange(400)
        rare = rows[:300][y[:300] == 1] if not early else rows[y == 1]
        if early:
            rows = torch.cat([rows, rare.repeat(6)])
            rows = rows[torch.randperm(len(rows), generator=generator)]
            cut = len(rows) * 3 // 4
            train, valid = rows[:cut], rows[cut:]
        else:
            train, valid = torch.cat([rows[:300], rare.repeat(6)]), rows[300:]
        fit(x[train], y[train], x[valid], y[valid])

    assert codes(lambda: program(False)) == []
    assert codes(lambda: program(True))[:1] == ["train-validation-overlap"]


class Letters(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.rnn, self.out = nn.Embedding(9, 12), nn.GRU(12, 24, batch_first=True), nn.Linear(24, 9)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.out(self.rnn(self.embed(tokens))[0])


@pytest.mark.parametrize(("shift", "apart"), [(1, False), (0, False), (1, True)], ids=["next", "itself", "apart"])
def test_targets_of_each_letter(shift: int, apart: bool) -> None:
    def program() -> None:
        generator = torch.Generator().manual_seed(0)
        steps = torch.randint(1, 3, (3000,), generator=generator)
        text = steps.cumsum(0) % 9
        model = Letters()
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        for _ in range(16):
            starts = torch.randint(0, 2900, (16,))
            others = torch.randint(0, 2900, (16,)) if apart else starts
            inputs = torch.stack([text[s : s + 20] for s in starts])
            targets = torch.stack([text[s + shift : s + shift + 20] for s in others])
            optimiser.zero_grad()
            F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten()).backward()
            optimiser.step()

    assert codes(program)[:1] == ([] if shift == 1 and not apart else ["labels-out-of-order"])


def test_the_nodes_of_one_graph() -> None:
    def program(own: bool) -> None:
        x, y = blobs(200)
        x = x + 0.25
        links = (y[:, None] == y[None]).float()
        order = torch.randperm(200)
        idx_train, idx_val = order[:120], order[120:]
        model = nn.Linear(8, 5)
        optimiser = torch.optim.Adam(model.parameters(), 0.05)
        for _ in range(20):
            optimiser.zero_grad()
            scores = links @ model(x) / 40
            (F.cross_entropy(scores[idx_train], y[idx_train]) if own else F.cross_entropy(scores, y)).backward()
            optimiser.step()
        with torch.no_grad():
            val_scores = model(x)[idx_val]
            print((val_scores.argmax(1) == y[idx_val]).float().mean().item())

    assert codes(lambda: program(True)) == []
    assert codes(lambda: program(False))[:1] == ["train-validation-overlap"]


def test_a_mask_in_place_of_the_codes() -> None:
    def program(mask: bool) -> None:
        generator = torch.Generator().manual_seed(0)
        tokens = torch.randint(0, 12, (240, 6), generator=generator)
        labels = (tokens[:, 0] > 5).long()
        embed, head = nn.Embedding(12, 8), nn.Linear(48, 2)

        class Reader(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embed, self.head = embed, head

            def forward(self, given: Tensor) -> Tensor:
                return self.head(self.embed((given > 0).long() if mask else given).flatten(1))

        model = Reader()
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        for _ in range(3):
            for rows in torch.randperm(240).split(24):
                optimiser.zero_grad()
                F.cross_entropy(model(tokens[rows]), labels[rows]).backward()
                optimiser.step()

    assert codes(lambda: program(False)) == []
    assert codes(lambda: program(True))[:1] == ["input-degenerate"]


def test_a_frozen_backbone_gets_another_scale() -> None:
    def program(scale: float) -> None:
        x, y = blobs()
        backbone = nn.Sequential(nn.Linear(8, 24), nn.Tanh())
        whole = nn.Sequential(backbone, nn.Linear(24, 5))
        head = nn.Linear(24, 5)
        for model, first in ((whole, True), (head, False)):
            optimiser = torch.optim.Adam(model.parameters(), 0.01)
            for rows in torch.cat([torch.randperm(240), torch.randperm(240)]).split(24):
                if first:
                    z = model(x[rows])
                else:
                    with torch.no_grad():
                        features = backbone(x[rows] * scale)
                    z = model(features)
                optimiser.zero_grad()
                F.cross_entropy(z, y[rows]).backward()
                optimiser.step()

    assert codes(lambda: program(1.0)) == []
    assert codes(lambda: program(0.2))[:1] == ["pretrained-normalisation-mismatch"]


def test_changed_copies_on_both_sides() -> None:
    def program(early: bool) -> None:
        x, y = blobs(200, features=12)
        x = x + 0.25
        generator = torch.Generator().manual_seed(3)

        def copies(part: Tensor) -> Tensor:
            return torch.cat([part + 0.03 * torch.randn(part.shape, generator=generator) for _ in range(4)])

        if early:
            x, y = copies(x), y.repeat(4)
            order = torch.randperm(800, generator=generator)
            fit(x[order[:600]], y[order[:600]], x[order[600:]], y[order[600:]])
        else:
            fit(copies(x[:120]), y[:120].repeat(4), x[120:], y[120:])

    assert codes(lambda: program(False)) == []
    assert codes(lambda: program(True))[:1] == ["train-validation-overlap"]


def test_one_feature_in_another_unit() -> None:
    def program(scale: float) -> None:
        x, y = blobs(400)
        x = x + 20 * (torch.arange(8) == 3)
        x = torch.cat([x[:300], x[300:] * torch.where(torch.arange(8) == 3, scale, 1.0)])
        x = x - 20 * (torch.arange(8) == 3)
        fit(x[:300] + 0.1, y[:300], x[300:] + 0.1, y[300:])

    assert codes(lambda: program(1.0)) == []
    assert codes(lambda: program(0.5))[:1] == ["train-eval-preprocessing-differ"]
