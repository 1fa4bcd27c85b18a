"""The catalogue: every code that a check can make is explained, and every one explained can be made; the settings."""

import ast
import importlib
import inspect
import textwrap

import pytest

from arcane.config import parse_params
from arcane.diagnosis.catalogue import SECTIONS, entries, explain
from arcane.diagnosis.checks import CHECKS
from arcane.diagnosis.limits import LIMITS, Settings, ignored_on, settings
from arcane.errors import UserError

TABLE = """
accidental-broadcast output-shape-mismatch softmax-wrong-dim constant-output examples-mixed
input-not-normalised input-over-normalised input-not-finite input-casting input-degenerate
pretrained-normalisation-mismatch train-eval-preprocessing-differ input-ignored
labels-out-of-order labels-corrupt label-out-of-range label-format-mismatch single-class data-not-shuffled
augmentation-breaks-labels
loss-expects-logits loss-expects-probabilities activation-on-logits output-range-cannot-reach-targets
loss-target-mismatch loss-at-init-off loss-sign-flipped loss-clipped loss-sum-reduction loss-not-finite
bias-before-batch-norm missing-nonlinearity dead-units saturated-units bad-initialisation parameter-not-registered
batch-norm-batch-too-small
gradient-does-not-flow gradient-vanishing gradient-exploding gradient-not-finite gradients-accumulate clip-after-step
backward-in-evaluation
parameter-not-in-optimiser optimiser-holds-foreign-parameters learning-rate-too-high learning-rate-too-low
schedule-stepped-wrongly
train-mode-in-evaluation eval-mode-in-training dropout-active-in-evaluation evaluation-not-deterministic
train-validation-overlap preprocessing-leak metric-wrong
out-of-memory
"""
RECIPE = TABLE.split()
EXAMINED = {code for check in CHECKS for code in check.codes}


def test_it_holds_the_recipes_codes_in_their_order_and_three_more():
    assert list(entries()) == [*RECIPE, "cannot-overfit-batch", "step-failed", "check-failed"]
    assert {entry.section for entry in entries().values()} == set(SECTIONS)


def test_examine_finds_what_the_catalogue_says_that_it_finds():
    said = {code for code, entry in entries().items() if "examine" in entry.found_by}
    assert said == EXAMINED | {"check-failed"}


def test_watch_finds_what_the_catalogue_says_that_it_finds():
    watching = importlib.import_module("arcane.diagnosis.watching.checks")
    made = {code for check in watching.PASSIVE for code in check.codes}
    assert made <= set(entries()), made - set(entries())
    said = {code for code, entry in entries().items() if "watch" in entry.found_by}
    unsaid = made - said
    assert not unsaid, f"found_by of these lacks watch: {sorted(unsaid)}"
    # What it captured is examined as well, so that more codes than its own can be found by watching.
    assert said <= made | EXAMINED | {"check-failed"}, sorted(said - made - EXAMINED)


@pytest.mark.parametrize("code", list(entries()))
def test_an_entry_is_whole(code):
    entry = entries()[code]
    assert all((entry.title, entry.what, entry.why, entry.measured, entry.mend))
    assert set(entry.severity) <= {"error", "warning", "note"} and set(entry.found_by) <= {"examine", "watch"}
    assert entry.severity and entry.found_by
    for lines in (entry.wrong, entry.right):
        compile("def example(self):\n" + textwrap.indent(lines or "pass", "    "), code, "exec")
        assert lines.count("\n") < 6
    assert entry.wrong != entry.right or entry.section == "symptoms"
    shown = explain(code)
    assert shown.startswith(f"{code}: ") and f"# arcane: ignore[{code}]" in shown
    assert all(f"    {line}" in shown for line in entry.right.splitlines())
    assert max(map(len, shown.splitlines())) <= 120


def test_severities_are_those_that_the_checks_give():
    """Read from the checks' source: a constant severity must be among the catalogue's."""
    for module in {check.look.__module__ for check in CHECKS}:
        tree = ast.parse(inspect.getsource(importlib.import_module(module)))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id == "Finding" and len(call.args) >= 4:
                code, severity = call.args[:2]
                if isinstance(code, ast.Constant) and isinstance(severity, ast.Constant):
                    assert code.value in entries()
                    assert severity.value in entries()[code.value].severity, (code.value, severity.value)


def test_an_unknown_code_offers_the_nearest():
    with pytest.raises(UserError, match="did you mean `loss-expects-logits`"):
        explain("loss-expect-logit")


def test_thresholds_belong_to_codes_and_can_be_set():
    assert all(code in entries() for limit in LIMITS.values() for code in limit.codes)
    assert Settings({"input_rms": 7}).limit("input_rms") == 7 and Settings().limit("input_rms") == 5
    given = settings({"overlap_share": 0.5}, ["metric-wrong"])
    assert given.limit("overlap_share") == 0.5 and given.silence == {"metric-wrong"}
    with pytest.raises(UserError, match=r"params.yaml: doctor.thresholds: `inputrms` .*did you mean `input_rms`"):
        settings({"inputrms": 7}, [])
    with pytest.raises(UserError, match=r"doctor.silence: `metric-wron` .*did you mean `metric-wrong`"):
        settings({}, ["metric-wron"])


def test_healthy_runs_stay_on_the_right_side_of_each_threshold():
    least = {
        "input_spread",
        "input_distinct",
        "sign_cosine",
        "layer_gain_least",
        "gradient_ratio_least",
        "augmented_share",
    }
    for name, limit in LIMITS.items():
        if limit.healthy is not None:
            assert (limit.healthy > limit.default) if name in least else (limit.healthy < limit.default), name


def test_params_carry_the_doctors_section():
    tree = {
        "seed": 1,
        "goal": {"error": 0.1, "source": "x"},
        "data": {},
        "model": {},
        "train": {},
        "improve": {"budget": 1},
    }
    given = parse_params(
        {**tree, "doctor": {"thresholds": {"input_rms": 9}, "silence": ["metric-wrong"]}}, "here"
    ).doctor
    assert given.thresholds == {"input_rms": 9.0} and given.silence == ("metric-wrong",)
    with pytest.raises(UserError, match=r"doctor\.silense"):
        parse_params({**tree, "doctor": {"silense": []}}, "here")


def test_a_comment_may_hold_several_codes():
    assert ignored_on("x = 1  # arcane: ignore[a-b, c]") == {"a-b", "c"}
    assert ignored_on("x = 1  # arcane: ignore") == frozenset()
