"""A sample of the programs over tables under the doctor, and what each mechanism is for."""

import numpy as np
import pytest
from watched import read
from zoo.plain import patched
from zoo.plain_tables import RIGHT, WRONG

from arcane.diagnosis.watching.checks.answers import line_between

BEFORE = (  # each was accused once
    "gradient_clip_val=1.0",
    "torch.cosh(p - t + 1e-12)",
)
MISSED = (  # each was missed once
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


def named(patch: tuple[tuple[str, str], ...]) -> str:
    return " ".join(new for _, new in patch)


@pytest.mark.parametrize(
    ("program", "patch"),
    [one for i, one in enumerate(RIGHT) if i % 20 == 1 or any(text in named(one[1]) for text in BEFORE)],
)
def test_a_right_program_is_not_accused(program, patch, tmp_path):
    findings = read(patched(program, patch), tmp_path / "program.py")
    assert [(f.code, f.message) for f in findings if f.severity != "note"] == []


@pytest.mark.parametrize(
    ("program", "patch", "codes"),
    [one for i, one in enumerate(WRONG) if i % 80 == 2 or any(text in named(one[1]) for text in MISSED)],
)
def test_a_wrong_line_is_named(program, patch, codes, tmp_path):
    findings = read(patched(program, patch), tmp_path / "program.py")
    assert findings and findings[0].code in codes, [(f.code, f.message) for f in findings]


def test_every_patch_fits_and_runs_as_python():
    for program, patch, *_ in [*RIGHT, *WRONG]:
        compile(patched(program, patch), "plain", "exec")


def test_a_scaled_copy_is_one_to_single_precision_only():
    values = np.random.default_rng(0).normal(size=100)
    line = line_between(values, (3 * values - 2).astype(np.float32).astype(float))
    assert line is not None and abs(line.slope - 3) < 1e-5 and abs(line.offset + 2) < 1e-5
    assert line_between(values, 3 * values + 1e-3 * np.random.default_rng(1).normal(size=100)) is None
    assert line_between(values[:10], values[:10]) is None
