"""The goal is somebody's claim: whose it is, whether it can still tell what to work on, and what else is known."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import yaml

from ..config import Goal
from ..data.rates import Measured, Rate
from ..errors import UserError
from .intervals import Claim, Repeated, difference

REFERENCES = Path("references.yaml")

Evidence = Literal["official-like-data", "official", "unofficial", "paper", "own", "like-data", "human"]
EVIDENCE: dict[Evidence, str] = {
    "official-like-data": "the official implementation on like data",
    "official": "the official implementation on this data",
    "unofficial": "an unofficial implementation",
    "paper": "a paper's number",
    "own": "a model of one's own on this data",
    "like-data": "a like model on like data",
    "human": "people",
}
"""Kinds of evidence, the best first (RECIPE 3.6). People come last as they are no model to be rebuilt, but a goal."""


@dataclass(frozen=True)
class Reference:
    """A known result on this project's data, or on data like it.

    Attributes:
        name: What was measured.
        kind: Kind of evidence, one of `EVIDENCE`.
        error: As a share; of a regression the share of the variance left unexplained (1 − R²).
        source: Where that is written.
        n: Examples that it was measured on; None where that is not known.
    """

    name: str
    kind: Evidence
    error: float
    source: str
    n: int | None = None


@dataclass(frozen=True)
class Judged:
    """The goal as a claim, next to what was measured.

    Attributes:
        value: The error to reach.
        kind: Whose claim it is (`goal.kind`).
        source: The same in words.
        n: Examples that it was seen on, where that is known.
        too_weak: The model beats it: the validation error's interval lies below it.
        below_noise: The labels are noisier than it: it lies below the interval of the estimated label noise. None
            where there is no such estimate.
        sentence: What to do about the goal, empty where it is sound.
    """

    value: float
    kind: str
    source: str
    n: int | None
    too_weak: bool
    below_noise: bool | None
    sentence: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def claim_of(goal: Goal, regression: bool = False) -> Claim:
    """The goal with the interval that `goal.n` gives it; a regression's has none."""
    return Claim(goal.error, None if regression else goal.n)


def judge(goal: Goal, validation: Measured | Repeated, noise: Measured | Claim | None = None) -> Judged:
    """Ask whether the goal can still tell what to work on.

    Args:
        goal: The claim.
        validation: The model's validation error.
        noise: The share of labels that is estimated to be wrong, where that was estimated.
    """
    _, high = validation.interval()
    too_weak = high < goal.error
    floor = noise.interval()[0] if noise is not None else None
    below_noise = None if floor is None else goal.error < floor
    sentence = ""
    if too_weak:
        sentence = (
            f"The goal of {100 * goal.error:.3g} % is too weak: the validation error is at most {100 * high:.3g} %. "
            "What remains is no negative bias; set a harder goal, with its source."
        )
    elif below_noise and noise is not None:
        sentence = (
            f"The goal of {100 * goal.error:.3g} % lies below the estimated share of wrong labels, "
            f"{100 * noise.value:.3g} % (at least {100 * (floor or 0.0):.3g} %): part of what counts as bias cannot be "
            "avoided while the labels are as they are."
        )
    return Judged(goal.error, goal.kind, goal.source, goal.n, too_weak, below_noise, sentence)


def label_noise(analysis: Mapping[str, Any]) -> Rate | None:
    """The share of labels that look wrong, out of the error analysis; None where nothing was looked at, or for targets.

    Only labels that are strongly doubted are counted, so it is rather too low than too high.

    Args:
        analysis: What reports/errors.json holds.
    """
    found = analysis.get("label_errors") or {}
    if not found.get("looked_at") or analysis.get("kind") == "regression":
        return None
    return Rate(found["count"], found["looked_at"])


def read_references(path: Path) -> tuple[Reference, ...]:
    """The known results in `references.yaml`, best evidence first; none where there is no such file.

    Raises:
        UserError: It is not YAML, or an entry has a wrong or missing field.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path.name}{line}: not YAML ({getattr(error, 'problem', error)})") from None
    entries = (tree or {}).get("references") if isinstance(tree, dict | None) else tree
    if not isinstance(entries, list | None):
        raise UserError(f"{path.name}: expected `references:` and under it a list, found {type(entries).__name__}")
    found = [
        _reference(entry, f"{path.name}: references, entry {place}") for place, entry in enumerate(entries or (), 1)
    ]
    order = list(EVIDENCE)
    return tuple(sorted(found, key=lambda each: (order.index(each.kind), each.error, each.name)))


def _reference(entry: Any, where: str) -> Reference:
    if not isinstance(entry, dict):
        raise UserError(f"{where}: expected name, kind, error and source, found {entry!r}")
    known = {"name", "kind", "error", "source", "n"}
    if wrong := sorted(set(entry) - known) or sorted({"name", "kind", "error", "source"} - set(entry)):
        what = "unknown" if wrong[0] in entry else "missing"
        raise UserError(f"{where}: `{wrong[0]}` is {what}; an entry has name, kind, error, source and, if known, n")
    if entry["kind"] not in get_args(Evidence):
        raise UserError(f"{where}: kind is {entry['kind']!r}; expected one of {', '.join(EVIDENCE)}")
    error, n = entry["error"], entry.get("n")
    if isinstance(error, bool) or not isinstance(error, int | float) or not 0 <= error <= 1:
        raise UserError(f"{where}: error is {error!r}; expected a share from 0 to 1 (4 % is 0.04)")
    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
        raise UserError(f"{where}: n is {n!r}; expected a number of examples, or null")
    for name in ("name", "source"):
        if not isinstance(entry[name], str) or not entry[name].strip():
            raise UserError(f"{where}: {name} is {entry[name]!r}; expected text")
    return Reference(entry["name"], cast(Evidence, entry["kind"]), float(error), entry["source"], n)


def placed(error: Measured | Repeated, references: Sequence[Reference]) -> list[dict[str, Any]]:
    """Each reference beside the model's error.

    `beaten` is `yes` where the model errs less beyond noise, `no` where it errs more, else `undecided`. Where it is
    known on how many examples a rate was seen, its own chance counts too.

    Args:
        error: Of the model, on test.
        references: In the order wanted.
    """
    rows = []
    for known in references:
        gap = difference(error, Claim(known.error, known.n if isinstance(error, Rate | Repeated) else None))
        beaten = "yes" if gap.high < 0 else "no" if gap.low > 0 else "undecided"
        rows.append(asdict(known) | {"evidence": EVIDENCE[known.kind], "difference": gap.as_json(), "beaten": beaten})
    return rows
