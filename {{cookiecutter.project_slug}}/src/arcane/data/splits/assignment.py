"""Which split each example falls into: a function of the seed and of the example's own line of the manifest.

Never of the other examples. That is forced: if new data must never move an old example, in whatever order the data
came, then each example must get the split that it would get alone. So shares cannot be exact; they are binomial around
the wanted ones (0.2 of 1,000: 200 ± 13), in each class too.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from ...config import Data
from .times import Cuts

if TYPE_CHECKING:
    import polars as pl

NAMES = ("train", "train_val", "validation", "test")


def assigned_splits(frame: "pl.DataFrame", data: Data, seed: int, cuts: Cuts | None, own_test: bool) -> "pl.Series":
    """The split of every example.

    The source's own test is honoured. With `data.target_domain`, validation and test come from that domain alone; of
    the other examples, which else train, some are kept as `train_val`.

    Args:
        frame: `id`, `group`, `near`, `domain`, `source_split`; with `cuts` also `moment`.
        data: The shares. `test` is a share of everything, `validation` of what is not test, so that changing
            `validation` never touches the test.
        seed: The run's seed.
        cuts: Where splits are by time. Examples without a time train.
        own_test: Whether the source's test is all that tests; else its examples test beside the share of `test`.

    Returns:
        Names of splits, in the frame's order.
    """
    import polars as pl

    if cuts is not None:
        moment, (begin, end) = pl.col("moment"), cuts.moments
        to_test = moment >= end if end is not None else pl.lit(False)
        to_validation = kept_back = moment >= begin
    else:
        test, fraction = 0.0 if own_test else data.test, pl.col("fraction")
        measured = test + (1 - test) * data.validation
        frame = frame.with_columns(fraction=key_fractions(frame, seed))
        to_test, to_validation = fraction < test, fraction < measured
        # A key that other examples may share keeps back all that it would measure in the target domain: where a group
        # stands in both domains, it never both trains and measures.
        shared = pl.col("group").is_not_null() | pl.col("near").is_not_null()
        kept_back = fraction < pl.when(shared).then(measured).otherwise(data.validation)
    to_test |= pl.col("source_split").eq_missing("test")
    code = {name: pl.lit(code, pl.UInt32) for code, name in enumerate(NAMES)}
    place = pl.when(to_test).then(code["test"]).when(to_validation).then(code["validation"]).otherwise(code["train"])
    if data.target_domain is not None:
        foreign = pl.when(kept_back).then(code["train_val"]).otherwise(code["train"])
        place = pl.when(is_foreign(data.target_domain)).then(foreign).otherwise(place)
    # Codes first: choosing among texts takes three times as long.
    return pl.Series("split", NAMES).gather(frame.select(place).to_series())


def assigned_folds(frame: "pl.DataFrame", data: Data, seed: int, folds: int) -> "pl.Series":
    """The fold, 0 to `folds` - 1, in which an example validates; null where it never does.

    Null are those of test and train_val, and with `data.target_domain` those of other domains: they always train.

    Args:
        frame: `id`, `group`, `near`, `domain`, `split`.
        data: `target_domain` is read.
        seed: The run's seed.
        folds: How many.
    """
    import polars as pl

    fraction = pl.Series(key_fractions(frame, seed, "fold"))
    validates = pl.col("split").is_in(["train", "validation"])
    if data.target_domain is not None:
        validates &= ~is_foreign(data.target_domain)
    return frame.select(fold=pl.when(validates).then((fraction * folds).cast(pl.Int64))).to_series()


def is_foreign(domain: str) -> "pl.Expr":
    """Whether an example comes from another domain, or from none that is known."""
    import polars as pl

    return pl.col("domain").ne_missing(domain)


def key_fractions(frame: "pl.DataFrame", seed: int, purpose: str = "split") -> np.ndarray:
    """Numbers in [0, 1), even over keys, that depend on the seed, the purpose and each example's key alone.

    The key is what must stay together: the example's group, else the older example that it nearly duplicates, else
    itself. No library's `hash` is used, as those may change with versions.

    Args:
        frame: `id`, `group`, `near`.
        seed: The run's seed.
        purpose: Other purposes give numbers that have nothing to do with each other.

    Returns:
        float64 `[N]`.
    """
    offset = np.uint64(_first_64_bits(f"{seed}:{purpose}"))
    return (mixed(_keys(frame) + offset) >> np.uint64(11)) * 2.0**-53


def mixed(keys: np.ndarray) -> np.ndarray:
    """Spread uint64 `[N]` evenly, whatever pattern they have.

    The finaliser of SplitMix64: G. L. Steele, D. Lea, C. H. Flood, Fast splittable pseudorandom number generators,
    OOPSLA 2014; with D. Stafford's constants ("Mix13"). 10 million take 0.2 s; sha256 of each would take 8 s.
    """
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


def _keys(frame: "pl.DataFrame") -> np.ndarray:
    """64 bits of each example's key: the first of an id, which is a hash already; else the first of a sha256."""
    import polars as pl

    root = pl.coalesce("near", "id") if frame["near"].null_count() < len(frame) else pl.col("id")
    number = root.str.slice(0, 16).str.to_integer(base=16, strict=False, dtype=pl.UInt64)
    bits = frame.select(pl.when(root.str.len_bytes() == 32).then(number).alias("bits"))["bits"]
    if not bits.null_count() and frame["group"].null_count() == len(frame):
        return bits.to_numpy()
    named = pl.when(pl.col("group").is_not_null()).then("group:" + pl.col("group")).when(bits.is_null()).then(root)
    names = frame.select(name=named)
    unique = names["name"].drop_nulls().unique()
    hashed = pl.DataFrame({"name": unique, "hashed": pl.Series(map(_first_64_bits, unique), dtype=pl.UInt64)})
    joined = names.join(hashed, on="name", how="left", maintain_order="left")["hashed"]
    return joined.zip_with(joined.is_not_null(), bits).to_numpy()


def _first_64_bits(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
