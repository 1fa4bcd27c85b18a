"""Splits: which example trains, which picks models, which only measures; and whether they are large enough to tell.

An example's split depends on nothing but the seed and its own id (or group), never on the other examples. That is
forced: if new data must never move an old example, in whatever order the data came, then each example must get the
split that it would get alone. So shares cannot be exact; they are binomial around the wanted ones (0.2 of 1,000:
200 ± 13), in each class too. Nor does correcting a label move anything.
"""

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Data, Params
from ..errors import UserError
from ..files import replacing
from .manifest import Record, json_lines
from .rates import Rate

if TYPE_CHECKING:
    import polars as pl

SPLITS = Path("data/splits.jsonl")
NAMES = ("train", "train_val", "validation", "test")
FEWEST = 3
POWER = 0.8
CONFIDENCE = 0.95
# Two models of like strength disagree on about this share of the examples, at least; stated wherever it is used.
DISCORDANCE = 0.05
ASSUMED_ERROR = 0.10


def split(records: Sequence[Record], params: Params) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """Assign every labelled example to a split.

    The source's own test split is honoured. With `data.target_domain`, validation and test come from that domain alone,
    and `train_val` is carved from the rest, which otherwise trains.

    Args:
        records: The manifest. Records without a label are left out.
        params: `seed` and `data` are read.

    Returns:
        Pairs of id and split, sorted by id, and the report (what `reports/splits.json` holds).

    Raises:
        UserError: No labels, an unknown target domain, or a class with fewer than three examples or none to train on.
    """
    labelled = sorted((record for record in records if record.label is not None), key=lambda record: record.id)
    _check(labelled, params.data)
    own_test = any(record.source_split == "test" for record in labelled)
    pairs = [(record, assigned_split(record, params.data, params.seed, own_test)) for record in labelled]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for record, name in pairs:
        counts[name][record.label or ""] += 1
    classes = sorted({record.label or "" for record in labelled})
    lacking = [label for label in classes if not counts["train"][label]]
    if lacking:
        raise UserError(
            f"class {_quoted(lacking)}: too few examples, chance left none of them to train on; add examples, lower "
            "data.validation and data.test, or take another seed"
        )
    return [(record.id, name) for record, name in pairs], _report(counts, classes, own_test, len(records), params)


def hash_fraction(seed: int, key: str) -> float:
    """A number in [0, 1) that depends on `seed` and `key` alone, spread evenly over keys."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{key}".encode(errors="surrogatepass")).digest()[:8], "big") / 2**64


def assigned_split(record: Record, data: Data, seed: int, own_test: bool) -> str:
    """The split of one example, whatever the others are.

    Args:
        record: The example; of a group, all members get the same.
        data: The shares. `test` is a share of everything, `validation` of what is not test, so that changing
            `validation` never touches the test.
        seed: The run's seed.
        own_test: Whether the source brings a test split; if so, `test` is not used.
    """
    fraction = hash_fraction(seed, record.id if record.group is None else f"group:{record.group}")
    if data.target_domain is not None and record.domain != data.target_domain:
        return "train_val" if fraction < data.validation else "train"
    test = 0.0 if own_test else data.test
    if (own_test and record.source_split == "test") or fraction < test:
        return "test"
    return "validation" if fraction < test + (1 - test) * data.validation else "train"


def write_splits(path: Path, assigned: Iterable[tuple[str, str]]) -> None:
    """Write `data/splits.jsonl`: a line an example with `id` and `split`, sorted by id."""
    with replacing(path) as file:
        file.writelines(json.dumps({"id": identifier, "split": name}) + "\n" for identifier, name in sorted(assigned))


def read_splits(path: Path) -> "pl.DataFrame":
    """The frame of `id` and `split`, in the file's order.

    Raises:
        UserError: The file is missing, or a line is wrong; with its number.
    """
    import polars as pl
    from polars.exceptions import PolarsError

    path = Path(path)
    try:
        frame = pl.read_ndjson(path, schema={"id": pl.String, "split": pl.String})
        if not frame.null_count().row(0)[0] and frame["split"].is_in(NAMES).all() and frame["id"].is_unique().all():
            return frame
    except (PolarsError, OSError):
        pass
    known: set[str] = set()
    for number, content in json_lines(path):
        identifier, name = content.get("id"), content.get("split")
        if not isinstance(identifier, str) or name not in NAMES or identifier in known:
            raise UserError(
                f"{path}, line {number}: expected a new `id` and a `split` ({', '.join(NAMES)}); split again"
            )
        known.add(identifier)
    raise UserError(f"{path}: holds no splits; split again")


def pairs_needed(difference: float, discordance: float = DISCORDANCE) -> float:
    """Examples on which two models must be compared to tell their errors apart by a paired test.

    McNemar's test, two-sided at 5 %, power 0.8; R. J. Connor, Biometrics 43 (1987), 207-211. 0.90 against 0.91 at a
    discordance of 0.05 needs 3,922.

    Args:
        difference: Of the two error rates.
        discordance: Share of the examples on which one model is right and the other wrong; at least `difference`.
    """
    from scipy.stats import norm

    discordance = max(discordance, difference)
    size, power = norm.ppf(0.5 + CONFIDENCE / 2), norm.ppf(POWER)
    spread = size * math.sqrt(discordance) + power * math.sqrt(discordance - difference**2)
    return float((spread / difference) ** 2)


def smallest_difference(n: int, discordance: float = DISCORDANCE) -> float:
    """The smallest difference in error that a paired test on `n` examples detects with power 0.8; 1 where none is.

    Below about 20 examples on which the models disagree the formula is cautious: for n = 200 the power is 0.88.
    """
    from scipy.optimize import brentq

    if n < pairs_needed(1.0, discordance):
        return 1.0
    root: Any = brentq(lambda difference: pairs_needed(difference, discordance) - n, 1e-9, 1.0, xtol=1e-9)
    return float(root)


def interval_width(n: int, error: float = ASSUMED_ERROR) -> float:
    """Width of the 95 % interval (Wilson) of an error of `error`, measured on `n` examples."""
    low, high = Rate(round(error * n), n).interval(CONFIDENCE)
    return high - low


def examples_for_width(width: float, error: float = ASSUMED_ERROR) -> int:
    """Examples that make the 95 % interval of an error of `error` `width` wide: z²·p·(1-p)/(width/2)², rounded up.

    A half-width of 0.01 at 0.10 needs 3,458 (3,457.3).
    """
    from scipy.stats import norm

    return math.ceil((norm.ppf(0.5 + CONFIDENCE / 2) / (width / 2)) ** 2 * error * (1 - error))


def _check(labelled: Sequence[Record], data: Data) -> None:
    if not labelled:
        raise UserError("data/manifest.jsonl: no example has a label; nothing can be split")
    sizes = Counter(record.label or "" for record in labelled)
    few = sorted(label for label, size in sizes.items() if size < FEWEST)
    if few:
        raise UserError(
            f"class {_quoted(few)}: fewer than {FEWEST} examples, too few for train, validation and test; add "
            "examples, or merge or remove the class"
        )
    if data.target_domain is not None:
        domains = sorted({record.domain for record in labelled if record.domain is not None})
        if data.target_domain not in domains:
            raise UserError(
                f"data.target_domain: no example has the domain {data.target_domain!r}; the manifest knows "
                f"{', '.join(domains) or 'none'}"
            )


def _quoted(labels: Sequence[str]) -> str:
    return ", ".join(map(repr, labels[:20])) + (f" and {len(labels) - 20} more" if len(labels) > 20 else "")


def _report(
    counts: dict[str, Counter[str]], classes: Sequence[str], own_test: bool, records: int, params: Params
) -> dict[str, Any]:
    data = params.data
    sizes = {name: counts[name].total() for name in NAMES}
    for name in ("validation", "test"):
        if not sizes[name]:
            raise UserError(f"no example fell into the {name} split; add examples or raise data.{name}")
    seen, width = smallest_difference(sizes["validation"]), interval_width(sizes["test"])
    reasons = [
        f"train has {sizes['train']:,}, validation {sizes['validation']:,}, test {sizes['test']:,} examples"
        + (f", train_val {sizes['train_val']:,}" if sizes["train_val"] else "")
        + f"; assigned by a hash of seed {params.seed} and the example's id (or group), so new data moves none.",
        "The test split is the source's own."
        if own_test
        else f"The source brings no test split: {data.test:.0%} of all examples are kept for it.",
        f"Validation can tell two models apart whose errors differ by {seen:.4f} or more (paired test, 5 % two-sided, "
        f"power {POWER}, if they disagree on {max(DISCORDANCE, seen):.1%} of the examples).",
        f"A test error of {ASSUMED_ERROR:.0%} will have a 95 % interval {width:.4f} wide.",
    ]
    if seen > data.detect:
        reasons.append(
            f"Validation is too small for data.detect = {data.detect}: that takes "
            f"{math.ceil(pairs_needed(data.detect)):,} examples, it has {sizes['validation']:,}. Smaller "
            "improvements will pass unseen: add data, raise data.validation, or compare over several seeds."
        )
    if width > data.confidence_width:
        reasons.append(
            f"Test is too small for data.confidence_width = {data.confidence_width}: that takes "
            f"{examples_for_width(data.confidence_width):,} examples, it has {sizes['test']:,}. Read the test "
            "error with its interval."
        )
    for name in ("validation", "test"):
        lacking = [label for label in classes if not counts[name][label]]
        if lacking and data.target_domain is None:
            reasons.append(f"No example of class {_quoted(lacking)} fell into {name}: its error there stays unknown.")
    left_out = records - sum(sizes.values())
    if left_out:
        reasons.append(f"{left_out:,} examples have no label and are in no split.")
    splits = {
        name: {"n": sizes[name], "classes": {label: counts[name][label] for label in classes}}
        for name in NAMES
        if sizes[name] or name != "train_val"
    }
    return {
        "schema": 1,
        "seed": params.seed,
        "splits": splits,
        "reasons": reasons,
        "smallest_difference_seen": seen,
        "test_interval_width": width,
    }
