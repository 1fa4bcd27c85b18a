"""Splits never move an old example, keep groups together, and are told how much they can measure."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from arcane.config import Params, parse_params
from arcane.data.manifest import Record
from arcane.data.splits import (
    examples_for_width,
    interval_width,
    pairs_needed,
    read_splits,
    smallest_difference,
    split,
    write_splits,
)
from arcane.errors import UserError


def params(seed: int = 1, **data) -> Params:
    tree = {"seed": seed, "goal": {"error": 0.01, "source": "x"}, "data": data, "improve": {"budget": 1}}
    return parse_params(tree | {"model": {}, "train": {}}, "test")


def records(number: int, classes: int = 2, start: int = 0, **fields) -> list[Record]:
    rng = random.Random(start)
    return [
        Record(f"{rng.getrandbits(128):032x}", str(index % classes), row=index, **fields) for index in range(number)
    ]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), order=st.randoms(use_true_random=False), kept=st.integers(60, 200))
def test_growth_deletion_and_order_move_nothing(seed, order, kept):
    everything = records(400, start=seed)
    part = everything[:kept]
    order.shuffle(part)
    whole, some = split(everything, params(seed))[0], split(part, params(seed))[0]
    assert set(some) <= set(whole)
    assert some == split(sorted(part, key=lambda record: record.row or 0), params(seed))[0] == sorted(some)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), validation=st.floats(0.05, 0.45), test=st.floats(0.05, 0.45))
def test_shares_are_as_wanted_within_chance(seed, validation, test):
    pairs, report = split(records(4000, classes=4, start=seed), params(seed, validation=validation, test=test))
    counts = Counter(name for _, name in pairs)
    for name, share in (("test", test), ("validation", (1 - test) * validation)):
        assert abs(counts[name] - 4000 * share) < 5.5 * np.sqrt(4000 * share * (1 - share))
        assert report["splits"][name]["n"] == counts[name] == sum(report["splits"][name]["classes"].values())


def test_changing_validation_never_touches_the_test_and_relabelling_moves_nothing():
    some = records(500)
    a, b = (dict(split(some, params(validation=share))[0]) for share in (0.1, 0.4))
    assert {i for i, name in a.items() if name == "test"} == {i for i, name in b.items() if name == "test"}
    relabelled = [Record(r.id, "0" if r.row == 7 else r.label, row=r.row) for r in some]
    assert split(relabelled, params())[0] == split(some, params())[0]
    assert split(some, params(seed=2))[0] != split(some, params())[0]


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), groups=st.integers(30, 80))
def test_groups_stay_together(seed, groups):
    some = [Record(r.id, r.label, row=r.row, group=str((r.row or 0) // 7 % groups)) for r in records(600, start=seed)]
    assigned = dict(split(some, params(seed))[0])
    assume(len(set(assigned.values())) == 3)
    homes: dict[str, set[str]] = {}
    for record in some:
        homes.setdefault(record.group or "", set()).add(assigned[record.id])
    assert all(len(home) == 1 for home in homes.values())


def test_the_sources_own_test_is_honoured():
    some = records(300, source_split="train") + records(100, start=1, source_split="test")
    pairs, report = split(some, params())
    assert {i for i, name in pairs if name == "test"} == {r.id for r in some if r.source_split == "test"}
    assert any("source's own" in reason for reason in report["reasons"])
    assert report["splits"]["validation"]["n"] == pytest.approx(60, abs=25)


def test_validation_and_test_come_from_the_target_domain_alone():
    some = records(300, domain="clinic") + records(900, start=1, domain="lab")
    domain = {record.id: record.domain for record in some}
    pairs, report = split(some, params(target_domain="clinic"))
    assert {domain[i] for i, name in pairs if name in ("validation", "test")} == {"clinic"}
    assert {domain[i] for i, name in pairs if name == "train_val"} == {"lab"}
    assert report["splits"]["train_val"]["n"] > 100
    with pytest.raises(UserError, match="'klinik'; the manifest knows clinic, lab"):
        split(some, params(target_domain="klinik"))


def test_unlabelled_examples_are_left_out_and_counted():
    some = [*records(100), Record("f" * 32, None, row=1000)]
    pairs, report = split(some, params())
    assert len(pairs) == 100 and report["reasons"][-1].startswith("1 examples have no label")
    with pytest.raises(UserError, match="no example has a label"):
        split([some[-1]], params())


def test_a_class_too_small_to_split_is_named():
    with pytest.raises(UserError, match="class 'rare': fewer than 3 examples"):
        split([*records(100), Record("e" * 32, "rare", row=1), Record("f" * 32, "rare", row=2)], params())


def test_a_class_that_chance_left_out_of_a_split_is_said():
    reports = []
    for seed in range(30):
        some = [*records(200, start=seed), *(Record(f"{n:032x}", "rare", row=n) for n in range(4))]
        try:
            reports.append(split(some, params(seed))[1])
        except UserError as error:
            assert "class 'rare': too few examples, chance left none" in str(error)
    for report in reports:
        for name in ("validation", "test"):
            said = any(f"'rare' fell into {name}" in reason for reason in report["reasons"])
            assert said == (report["splits"][name]["classes"]["rare"] == 0)
    assert any("fell into test" in " ".join(report["reasons"]) for report in reports)


def test_sizes_agree_with_published_values():
    assert pairs_needed(0.01, 0.05) == pytest.approx(3922, abs=2)
    assert examples_for_width(0.02) == 3458  # 3,457.3, rounded up
    assert smallest_difference(3922) == pytest.approx(0.01, abs=1e-4)
    assert interval_width(3458) == pytest.approx(0.02, abs=2e-4)
    assert smallest_difference(3) == 1.0


@pytest.mark.parametrize(("n", "power"), [(200, 0.88), (1000, 0.8), (4000, 0.8)])
def test_the_paired_test_has_the_power_that_is_claimed(n, power):
    # McNemar's test with its normal statistic, simulated at the difference that `smallest_difference` promises.
    rng, difference = np.random.default_rng(0), smallest_difference(n)
    discordance = max(0.05, difference)
    counts = rng.multinomial(
        n, [(discordance + difference) / 2, (discordance - difference) / 2, 1 - discordance], 20_000
    )
    b, c = counts[:, 0], counts[:, 1]
    statistic = np.abs(b - c) / np.sqrt(np.maximum(b + c, 1))
    assert (statistic > 1.959964).mean() == pytest.approx(power, abs=0.03)


def test_the_report_says_when_a_split_is_too_small():
    _, small = split(records(1000), params(detect=0.02, confidence_width=0.04))
    assert any("too small for data.detect = 0.02: that takes 979 examples" in reason for reason in small["reasons"])
    assert any("too small for data.confidence_width = 0.04: that takes 865" in reason for reason in small["reasons"])
    _, large = split(records(1000), params(detect=0.2, confidence_width=0.2))
    assert not any("too small" in reason for reason in large["reasons"])
    assert large["schema"] == 1 and large["seed"] == 1
    assert large["smallest_difference_seen"] == smallest_difference(large["splits"]["validation"]["n"])
    assert large["test_interval_width"] == interval_width(large["splits"]["test"]["n"])


def test_the_file_is_sorted_and_a_bad_line_is_named(tmp_path):
    pairs = split(records(50), params())[0]
    write_splits(tmp_path / "s", reversed(pairs))
    lines = (tmp_path / "s").read_text().splitlines()
    assert lines == sorted(lines) and lines[0].startswith('{"id": "') and len(lines) == 50
    assert list(read_splits(tmp_path / "s").items()) == pairs
    (tmp_path / "s").write_text(lines[0] + "\n" + lines[0] + "\n")
    with pytest.raises(UserError, match="line 2: expected a new `id`"):
        read_splits(tmp_path / "s")
