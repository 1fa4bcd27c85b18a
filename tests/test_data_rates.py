"""Rates carry the interval that the literature gives them; findings stop the pipeline unless accepted."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcane.data.findings import Finding, with_accepted
from arcane.data.rates import Rate


def test_wilson_interval_equals_the_published_example():
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81/263 and 0/20, method 3 (score).
    assert Rate(81, 263).interval() == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert Rate(0, 20).interval() == pytest.approx((0.0, 0.1611), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_value_and_stays_inside_0_and_1(counts):
    rate = Rate(*counts)
    low, high = rate.interval()
    assert 0 <= low <= rate.value + 1e-12 and rate.value - 1e-12 <= high <= 1


def test_rate_as_json_has_the_names_that_reports_use():
    assert set(Rate(1, 10).as_json()) == {"value", "low", "high", "n"}
    assert Rate(1, 10).as_json()["value"] == 0.1


@pytest.mark.parametrize(("wrong", "n"), [(0, 0), (2, 1), (-1, 3)])
def test_an_impossible_rate_is_refused(wrong, n):
    with pytest.raises(ValueError, match="0 <= wrong <= n"):
        Rate(wrong, n)


def test_accepted_findings_are_notes_and_errors_come_first():
    findings = [
        Finding(code, severity, "m", "a") for code, severity in [("z", "warning"), ("x", "error"), ("y", "error")]
    ]
    found = with_accepted(findings, ["y"])
    assert [(finding.code, finding.severity) for finding in found] == [("x", "error"), ("z", "warning"), ("y", "note")]
    assert found[-1].message == "m (accepted: `data.accept`)"


def test_a_finding_lists_at_most_fifty_ids_and_counts_all():
    content = Finding("x", "note", "m", "a", count=60, ids=tuple(map(str, range(60)))).as_json()
    assert len(content["ids"]) == 50 and content["count"] == 60
    json.dumps(content)
