"""Every number that a check compares with, by name, and what a person set or silenced; knows no check.

A default comes from chance levels and from many healthy runs (`tests/benchmarks/healthy.py`), not from taste; `doctor`
in `params.yaml` replaces it.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..data.findings import Finding
from ..errors import UserError
from .limit import Limit
from .watched_limits import WATCHED

LIMITS: dict[str, Limit] = {
    "input_rms": Limit(
        5.0, ("input-not-normalised",), "largest root mean square of what reaches the first layer", healthy=1.06
    ),
    "input_spread": Limit(
        0.01, ("input-over-normalised",), "least standard deviation of what reaches the first layer", healthy=0.377
    ),
    "input_shift": Limit(
        0.5,
        ("train-eval-preprocessing-differ",),
        "largest difference of a channel's means between training and evaluation, in standard deviations",
        healthy=0.0859,
    ),
    "input_scale": Limit(
        2.0,
        ("train-eval-preprocessing-differ",),
        "largest ratio of a channel's standard deviations between training and evaluation",
        healthy=1.16,
    ),
    "input_distinct": Limit(
        0.5,
        ("input-degenerate",),
        "least share of a batch's different examples that still differ at the first layer",
        healthy=1,
    ),
    "casting_loss": Limit(
        0.1,
        ("input-casting",),
        "largest mean change by a cast to whole numbers, in standard deviations of the values",
        healthy=0,
    ),
    "pretrained_shift": Limit(
        0.25,
        ("pretrained-normalisation-mismatch",),
        "largest difference of a channel's mean from what the weights were trained with, in standard deviations",
    ),
    "pretrained_scale": Limit(
        1.5,
        ("pretrained-normalisation-mismatch",),
        "largest ratio of a channel's standard deviation to what the weights were trained with",
    ),
    "loss_at_init_nats": Limit(
        2.0, ("loss-at-init-off",), "how far above ln K a loss may start, in nats", healthy=0.211
    ),
    "loss_at_init_variances": Limit(
        4.0, ("loss-at-init-off",), "times the targets' variance that a squared error may start at", healthy=1.29
    ),
    "loss_clipped_share": Limit(0.1, ("loss-clipped",), "largest share of the losses that a clamp changes", healthy=0),
    "sign_cosine": Limit(
        -0.5, ("loss-sign-flipped",), "least cosine of the task's gradient with that of the plain loss", healthy=0.22
    ),
    "unreachable_share": Limit(
        0.02, ("output-range-cannot-reach-targets",), "largest share of targets that no output can reach", healthy=0
    ),
    "evaluation_difference": Limit(
        1e-3,
        ("dropout-active-in-evaluation", "evaluation-not-deterministic", "examples-mixed"),
        "largest difference of outputs that must be equal, in standard deviations of the outputs",
        healthy=5.8e-07,
    ),
    "dead_share": Limit(
        0.6, ("dead-units",), "largest share of a layer's rectified units that no example turns on", healthy=0.312
    ),
    "saturated_share": Limit(
        0.6, ("saturated-units",), "largest share of a layer's activations at the flat ends", healthy=2.85e-05
    ),
    "layer_gain": Limit(
        5.0,
        ("bad-initialisation",),
        "largest gain of two layers or more: standard deviation out over root mean square in",
        healthy=1.53,
    ),
    "layer_gain_least": Limit(0.02, ("bad-initialisation",), "least gain of two layers or more", healthy=0.0745),
    "gradient_ratio_least": Limit(
        1e-5,
        ("gradient-vanishing",),
        "least root mean square of a layer's gradient, over the largest of any layer",
        healthy=0.00239,
    ),
    "gradient_relative": Limit(
        1e3,
        ("gradient-exploding",),
        "largest gradient of a layer by the plain loss: its norm over the weights' norm",
        healthy=67.7,
    ),
    "batch_norm_batch": Limit(
        8, ("batch-norm-batch-too-small",), "least examples that batch norm's statistics are taken over"
    ),
    "schedule_idle_share": Limit(
        0.5,
        ("schedule-stepped-wrongly",),
        "largest share of the planned steps at under 1 % of the schedule's peak",
        healthy=0.0444,
    ),
    "schedule_cycles": Limit(
        10, ("schedule-stepped-wrongly",), "most times that a schedule comes back up in the planned steps", healthy=2
    ),
    "metric_difference": Limit(
        1e-3, ("metric-wrong",), "largest difference of a logged metric from its recomputation", healthy=7.2e-09
    ),
    "overlap_share": Limit(
        0.01,
        ("train-validation-overlap",),
        "largest share of validation examples whose inputs also stand in training, beyond what training repeats itself",
        healthy=0,
    ),
    "augmented_share": Limit(
        0.5,
        ("augmentation-breaks-labels",),
        "least accuracy on augmented examples, as a share of that on plain ones",
        healthy=0.796,
    ),
    "overfit_error": Limit(
        0.1,
        ("cannot-overfit-batch", "learning-rate-too-high", "learning-rate-too-low"),
        "largest error left on one batch after 300 steps",
    ),
    **WATCHED,
}


@dataclass(frozen=True)
class Settings:
    """What a person set: thresholds of their own, and codes that they do not want to hear of.

    Attributes:
        thresholds: By the names of `LIMITS`.
        silence: Codes that are not reported at all (`data.accept` lets one through and still shows it as a note).
    """

    thresholds: Mapping[str, float] = field(default_factory=dict)
    silence: frozenset[str] = frozenset()

    def limit(self, name: str) -> float:
        """The threshold of that name."""
        return float(self.thresholds.get(name, LIMITS[name].default))


def settings(thresholds: Mapping[str, float], silence: Iterable[str], where: str = "params.yaml") -> Settings:
    """What `doctor` in `params.yaml` says, checked.

    Raises:
        UserError: A threshold or code is unknown; the nearest is offered.
    """
    from .catalogue import CODES

    for kind, given, known in (("thresholds", thresholds, LIMITS), ("silence", silence, CODES)):
        for name in given:
            if name not in known:
                raise UserError(f"{where}: doctor.{kind}: `{name}` is unknown; {nearest(name, known)}")
    return Settings(dict(thresholds), frozenset(silence))


CLOSE = 0.75
"""Likeness from which on further names than the nearest one are offered."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The known names that `name` is nearest to, or all of them, in words."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    near = near[:1] + [other for other in near[1:] if difflib.SequenceMatcher(None, name, other).ratio() > CLOSE]
    shown = " or ".join(f"`{other}`" for other in near)
    return f"did you mean {shown}?" if near else f"known: {', '.join(known)}"


COMMENT = re.compile(r"#\s*arcane:\s*ignore\[([^\]]*)\]")


def ignored_on(line: str) -> frozenset[str]:
    """The codes that a line's comment `# arcane: ignore[code, code]` silences there."""
    return frozenset(code.strip() for found in COMMENT.findall(line) for code in found.split(",") if code.strip())


def silenced(finding: Finding, given: Settings, line: str = "") -> bool:
    """Whether a person asked not to hear of this: by `doctor.silence`, or by a comment on its line."""
    return finding.code in given.silence or finding.code in ignored_on(line)


def source_line(file: Path, number: int) -> str:
    """A line of a file, counted from 1; empty where it cannot be read."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    return lines[number - 1] if 0 < number <= len(lines) else ""
