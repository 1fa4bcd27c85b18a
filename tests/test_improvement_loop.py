"""The loop over recorded results: order, acceptance, budget, and the three ways to stop; no training."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
from diagnosis_tasks import params

from arcane.config import Params
from arcane.data.loading import Examples
from arcane.data.rates import Average, Rate, measured
from arcane.diagnosis.decomposition import decompose
from arcane.errors import DivergedError, UserError
from arcane.files import digest
from arcane.improvement.actions import ACTIONS, Action, Context, Discovery, Means, apply, changes, choose_actions
from arcane.improvement.floor import Floor
from arcane.improvement.logbook import entry
from arcane.improvement.loop import SEEDS, Improvement, improve, planned
from arcane.improvement.requests import requests_for
from arcane.improvement.rounds import questions
from arcane.spec import Spec, Target
from arcane.training.trials import Trial, TrialResult

TRAIN, VALIDATION = 1000, 400
DIGITS = Spec("image", (1, 8, 8), tuple("0123456789"))
CONTEXT = Context(DIGITS, TRAIN)
CURVES = Context(Spec("sequence", (1, 40), tuple("0123456789")), TRAIN)
NUMBERS = Spec("tabular", (3,), target=Target("progression", "points"))


class Recorded(TrialResult):
    """A result that was never trained."""

    def __init__(self, train: float, validation: float, seed: int, key: str, epochs: int):
        rng = np.random.default_rng(int(key[:8], 16))
        wrong = np.arange(VALIDATION) < round(validation * VALIDATION) + rng.integers(-1, 2)
        errors = {"train": Rate(round(train * TRAIN), TRAIN), "validation": Rate(int(wrong.sum()), VALIDATION)}
        super().__init__(key, Path(key), errors, (), epochs * TRAIN, 1000)
        self.__dict__["validation_errors"] = wrong
        self.__dict__["validation_outputs"] = np.full((VALIDATION, 10), 0.1, np.float32)


class World:
    """Answers trials by a rule from params to (train, validation) error, and keeps what was asked."""

    def __init__(self, rule: Callable[[Params], tuple[float, float]]):
        self.rule, self.asked = rule, []

    def result(self, trial: Trial) -> TrialResult:
        key = digest(trial.params.model.model_dump_json(), trial.params.train.model_dump_json(), str(trial.seed))
        return Recorded(*self.rule(trial.params), trial.seed, key, trial.params.train.epochs)

    def submit(self, trial: Trial) -> "Future[TrialResult]":
        self.asked.append(trial)
        future: Future[TrialResult] = Future()
        future.set_result(self.result(trial))
        return future


def split(n: int) -> Examples:
    ids = tuple(f"{i:032x}" for i in range(n))
    return Examples(
        ids,
        np.zeros((n, 1, 8, 8), np.uint8),
        np.arange(n, dtype=np.int64) % 10,
        DIGITS,
    )


def run(rule, changed=None, submit=None, **options) -> tuple[Improvement, World]:
    world = World(rule)
    start = params({"train.epochs": 10, **(changed or {})})
    return improve(start, split(TRAIN), split(VALIDATION), submit or world.submit, **options), world


def course(p: Params) -> tuple[float, float]:
    """Under-fits until the model is twice as wide, then over-fits until it is normalised, then is at the goal."""
    if p.model.width < 2 and p.model.name == "lenet":
        return 0.2, 0.27
    return (0.01, 0.12) if p.model.normalization == "none" else (0.002, 0.005)


def test_the_course_goes_through_the_right_families_to_the_goal():
    seen = []
    found, world = run(course, on_round=seen.append)
    kept = [(tried.action, tried.addresses) for tried in found.rounds if tried.kept]
    assert kept[0][1] == "under-fitting" and found.rounds[0].dominant == "bias"
    assert found.stopped == "goal" and found.decomposition.dominant == "none"
    assert found.best.errors["validation"].value <= 0.01
    assert "is at the goal of 1.00 %" in found.reason
    assert seen == list(found.rounds) and found.requests == ()
    assert found.spent == sum(t.params.train.epochs for t in world.asked[1:]) * TRAIN
    assert len({(t.params.model_dump_json(), t.seed) for t in world.asked}) == len(world.asked)
    assert len({t.name for t in world.asked}) == len(world.asked)


def test_the_first_round_tries_the_first_two_actions_of_the_dominant_family():
    found, _ = run(lambda p: (0.2, 0.22), {"improve.trials": 4 + 2 * SEEDS})
    assert [tried.action for tried in found.rounds][:2] == ["bigger-model", "another-architecture"]
    found, _ = run(lambda p: (0.0, 0.22), {"improve.trials": 4 + 2 * SEEDS})
    assert [tried.action for tried in found.rounds][:2] == ["batch-norm", "augmentation"]


def test_nothing_that_helps_is_undone_once_until_exhausted():
    found, world = run(lambda p: (0.1, 0.2), {"improve.trials": 400, "improve.budget": 10**9})
    assert found.stopped == "exhausted"
    assert not any(tried.kept for tried in found.rounds)
    assert found.best.errors["train"].value == pytest.approx(0.1)
    undone = [tried.action for tried in found.rounds if tried.outcome == "undone"]
    assert len(set(undone)) == len(undone) and {tried.action for tried in found.rounds} == set(undone)
    own = [t for t in world.asked if not t.name.startswith("tune")]
    assert len({(t.params.model_dump_json(), t.seed) for t in own}) == len(own), "nothing is trained twice"
    assert {request.kind for request in found.requests} >= {"collect"}
    assert next(r for r in found.requests if r.kind == "collect").count == TRAIN


def test_of_two_the_one_ahead_after_a_short_training_goes_on_and_the_other_is_put_off():
    def rule(p: Params) -> tuple[float, float]:
        return (0.001, 0.005) if p.model.name == "resnet" and p.train.epochs == 10 else course(p)

    def slow(p: Params) -> tuple[float, float]:
        return (0.1, 0.12) if p.model.name == "resnet" else (0.2, 0.27)

    found, world = run(lambda p: rule(p) if p.train.epochs == 10 else slow(p))
    first, second = found.rounds[:2]
    assert (first.action, first.outcome, first.epochs, first.seeds) == ("bigger-model", "put off", 2, 0)
    assert (second.action, second.outcome, second.epochs) == ("another-architecture", "kept", 10)
    assert "`another-architecture` goes first; after 2 epochs each it was at 12" in first.reason
    assert first.after["validation"] == pytest.approx(0.27, abs=0.01) and first.seen == 2 * TRAIN
    assert found.stopped == "goal"
    short = [t for t in world.asked if t.params.train.epochs == 2]
    assert [t.seed for t in short] == [1, 1], "one seed each"


def test_large_gains_need_two_seeds_and_small_ones_three():
    large, _ = run(lambda p: (0.0, 0.3) if p.model.normalization == "none" else (0.0, 0.002))
    assert [(t.action, t.seeds) for t in large.rounds if t.kept] == [("batch-norm", 2)]
    small, _ = run(lambda p: (0.0, 0.2) if p.model.normalization == "none" else (0.0, 0.187), {"improve.trials": 8})
    assert next(t.seeds for t in small.rounds if t.action == "batch-norm") == 3


def taking(errors: dict[str, int]) -> list[Action]:
    """Actions that each take so many of the 40 errors away."""
    values = {"model.dropout": 0.25, "train.label_smoothing": 0.1, "train.weight_decay": 0.05}
    return [
        Action(name, "over-fitting", "It takes a few.", lambda params, context, c={name: values[name]}: c)
        for name in errors
    ]


def less(errors: dict[str, int]) -> Callable[[Params], tuple[float, float]]:
    def rule(p: Params) -> tuple[float, float]:
        return 0.0, 0.1 - sum(count for name, count in errors.items() if p.value(name)) / VALIDATION

    return rule


def test_what_looks_better_within_noise_is_built_on_and_decided_together():
    errors = {"model.dropout": 6, "train.label_smoothing": 6, "train.weight_decay": 0}
    found, world = run(less(errors), {"improve.actions": list(errors)}, own=taking(errors))
    first, second = [tried for tried in found.rounds if tried.kept]
    assert (first.action, second.action) == ("model.dropout", "train.label_smoothing")
    assert first.round == second.round == 1 and first.p_value == second.p_value < first.level
    assert (first.seeds, second.seeds) == (1, 2) and second.before == first.after
    assert second.reason == "Kept: better beyond noise. Decided together with `model.dropout`."
    assert found.final.params.model.dropout == 0.25 and found.final.params.train.label_smoothing == 0.1
    alone = [t for t in world.asked if t.params.model.dropout and not t.params.train.label_smoothing]
    assert len(alone) == 1, "no second seed for what cannot be told from noise alone"
    kept = [tried for tried in found.rounds if tried.kept]
    assert questions(kept) == (1, [1]), "two actions kept together are one question and one acceptance"


def test_what_is_hardly_better_says_by_how_little():
    class Exact(Recorded):
        """Each seed errs on the same examples."""

        def __init__(self, validation: float, key: str):
            super().__init__(0.0, validation, 1, key, 10)
            wrong = np.arange(VALIDATION) < round(validation * VALIDATION)
            self.errors["validation"] = Rate(int(wrong.sum()), VALIDATION)
            self.__dict__["validation_errors"] = wrong

    class Same(World):
        def result(self, trial: Trial) -> TrialResult:
            key = digest(trial.params.model.model_dump_json(), trial.params.train.model_dump_json(), str(trial.seed))
            return Exact(self.rule(trial.params)[1], key)

    errors = {"model.dropout": 3, "train.label_smoothing": 4}
    world = Same(less(errors))
    found, _ = run(None, {"improve.actions": list(errors)}, submit=world.submit, own=taking(errors))
    expected = pytest.approx([1 / 2**3, 1 / 2**4])
    assert [tried.p_value for tried in found.rounds] == expected, "one-sided, over the examples alone"
    assert all("hardly better" in tried.reason for tried in found.rounds)


def test_what_convinces_alone_carries_nothing_along():
    errors = {"model.dropout": 6, "train.label_smoothing": 25}
    found, _ = run(less(errors), {"improve.actions": list(errors), "improve.budget": 10**9}, own=taking(errors))
    waiting, kept = found.rounds[:2]
    assert (waiting.action, waiting.outcome) == ("model.dropout", "put off")
    assert "`train.label_smoothing` convinces alone and goes first" in waiting.reason
    assert (kept.action, kept.kept, kept.change) == (
        "train.label_smoothing",
        True,
        {"train.label_smoothing": [0.0, 0.1]},
    )
    assert found.rounds[2].action == "model.dropout", "it has its turn on top of what was kept"


def test_what_is_built_on_and_fails_is_undone_together():
    class Lucky(World):
        """The project's own seed errs less with dropout, the others do not."""

        def result(self, trial: Trial) -> TrialResult:
            self.rule = less({"model.dropout": 6, "train.label_smoothing": 6} if trial.seed == 1 else {})
            return super().result(trial)

    names = ["model.dropout", "train.label_smoothing"]
    world = Lucky(less({}))
    found, _ = run(None, {"improve.actions": names}, submit=world.submit, own=taking(dict.fromkeys(names, 6)))
    together = [tried for tried in found.rounds if tried.round == 1]
    assert [tried.action for tried in together] == names and not any(tried.kept for tried in found.rounds)
    assert all(tried.outcome == "undone" and "Decided together" in tried.reason for tried in together)
    assert found.final.params.model.dropout == 0 and found.final.params.train.label_smoothing == 0


def test_after_a_round_that_keeps_nothing_the_next_family_gets_a_say():
    found, _ = run(lambda p: (0.1, 0.19), {"improve.trials": 20, "improve.budget": 10**9})
    together = [{t.addresses for t in found.rounds if t.round == n} for n in range(1, found.rounds[-1].round + 1)]
    assert together[0] == {"under-fitting"} and {"under-fitting", "over-fitting"} in together[1:4]


def test_the_budget_is_never_exceeded_and_no_action_is_left_half_tried():
    for budget in (0, 15_000, 50_000, 90_000, 150_000):
        found, world = run(lambda p: (0.2, 0.2), {"improve.budget": budget})
        assert found.spent <= budget and found.stopped == "budget"
        assert all(tried.outcome in ("undone", "put off", "kept") for tried in found.rounds)
        assert found.spent == sum(t.params.train.epochs * TRAIN for t in world.asked[1:])
        assert sum(tried.seen for tried in found.rounds) <= found.spent
    assert "improve.budget" in found.reason
    stopped, world = run(lambda p: (0.2, 0.2), {"improve.trials": 6})
    assert stopped.stopped == "budget" and "improve.trials" in stopped.reason and len(world.asked) <= 7


def noise_only(seed: int) -> tuple[Improvement, World]:
    """A run of the loop on 20 actions that change nothing but the draw."""
    rng = np.random.default_rng(seed)
    hardness = rng.normal(size=VALIDATION) * 1.5 - 1.6

    class Luck(World):
        def result(self, trial: Trial) -> TrialResult:
            result = super().result(trial)
            lucky = np.random.default_rng([seed, int(result.key[:8], 16)])
            wrong = hardness + lucky.normal(size=VALIDATION) * 0.7 + lucky.normal() * 0.1 > 0
            result.__dict__["validation_errors"] = wrong
            result.errors["validation"] = Rate(int(wrong.sum()), VALIDATION)
            return result

    null = [
        Action(f"null-{i}", "over-fitting", "Nothing.", lambda params, context, i=i: {"train.clip": 100.0 + i})
        for i in range(20)
    ]
    world = Luck(lambda p: (0.02, 0.15))
    settings = {"improve.trials": 400, "improve.budget": 10**9, "improve.actions": [one.name for one in null]}
    start = params({"train.epochs": 10, **settings})
    return improve(start, split(TRAIN), split(VALIDATION), world.submit, own=null), world


def test_of_runs_with_20_null_actions_at_most_5_percent_accept_any():
    runs = [noise_only(seed)[0] for seed in range(40)]
    assert all(len({t.action for t in run.rounds if t.outcome == "undone"}) == 20 for run in runs[:5])
    assert sum(any(tried.kept for tried in run.rounds) for run in runs) <= 2


def test_where_nothing_beats_chance_it_stops_within_10_trials_and_says_so():
    settings = {"improve.trials": 400, "improve.budget": 10**9}
    majority = np.arange(VALIDATION) % 10 != 0
    for known in ({"nearest": np.roll(majority, 3), "linear": majority}, None):
        found, world = run(lambda p: (0.0, 0.9), settings, known=known)
        assert found.stopped == "exhausted" and "floor is reached" in found.reason
        assert "no better than that of always naming the most frequent class, 90 %" in found.reason
        assert len([t for t in world.asked if t.params.train.epochs == 10]) <= 10
    assert len(run(lambda p: (0.0, 0.9), settings, known={"nearest": majority})[1].asked) <= 10
    found, _ = run(lambda p: (0.0, 0.9), settings, known={"nearest": majority & (np.arange(VALIDATION) < 300)})
    assert "floor is reached" not in found.reason, "a simple model finds something: there is something to find"


def test_what_was_put_off_although_it_beat_the_incumbent_comes_next():
    def rule(p: Params) -> tuple[float, float]:
        if p.model.name == "resnet":
            return (0.1, 0.2) if p.train.epochs == 2 else (0.2, 0.9)  # ahead early, and worse in the end
        return course(p)

    found, _ = run(rule)
    tried = [(t.action, t.outcome) for t in found.rounds[:3]]
    assert tried[:2] == [("bigger-model", "put off"), ("another-architecture", "undone")] or tried[0][1] == "kept"
    assert ("bigger-model", "kept") in [(t.action, t.outcome) for t in found.rounds if t.round <= 2]


def test_a_floor_above_the_goal_is_said_and_ends_the_search_once_it_is_reached():
    floor = Floor(0.2, 0.15, 0.25, "an estimate of wrong labels")
    settings = {"improve.trials": 400, "improve.budget": 10**9}
    found, _ = run(lambda p: (0.1, 0.2), settings, floor=floor)
    assert found.stopped == "exhausted" and len(found.rounds) <= 4
    assert "The floor lies above the goal: about 20 % (15 to 25) cannot be learnt" in found.reason
    assert "is there already" in found.reason
    far, _ = run(lambda p: (0.1, 0.5), settings, floor=floor)
    assert len(far.rounds) > 10 and "The floor lies above the goal" in far.reason
    low, _ = run(lambda p: (0.1, 0.2), settings, floor=replace(floor, low=0.001))
    assert "floor" not in low.reason


def test_an_action_that_looks_first_pays_for_it_and_is_judged_by_fresh_seeds():
    seen = []

    def look(p: Params, context: Context, means: Means) -> Discovery:
        seen.append(means.budget)
        return Discovery({"model.dropout": 0.3}, spent=20_000, asked=4, said="The best of 4 trials.")

    own = [Action("look", "over-fitting", "It looks.", discover=look)]
    rule = lambda p: (0.0, 0.005) if p.model.dropout else (0.0, 0.3)  # noqa: E731
    settings = {"improve.actions": ["look"], "improve.budget": 10**6}
    found, _ = run(rule, settings, own=own)
    (tried,) = found.rounds
    assert tried.kept and tried.reason == "The best of 4 trials. Kept: better beyond noise."
    assert tried.seeds == 3 and tried.seen == 50_000, "one seed more: the first may have been chosen for its luck"
    assert seen == [50_000] and found.spent == 10_000 + 50_000
    nothing = [Action("look", "over-fitting", "It looks.", discover=lambda *_: Discovery({}, 700, said="Nothing."))]
    found, _ = run(rule, settings, own=nothing)
    assert (found.rounds[0].reason, found.rounds[0].after) == ("Undone: nothing to change. Nothing.", None)
    assert found.stopped == "exhausted" and found.spent == 10_700 and len(found.rounds) == 1
    poor, _ = run(rule, {**settings, "improve.budget": 60_000}, own=own)
    assert poor.stopped == "budget" and not poor.rounds and poor.spent <= 60_000


def test_a_plan_says_what_would_be_tried_and_trains_nothing():
    world = World(course)
    verdict, lines = planned(params({"train.epochs": 10}), split(TRAIN), world.result(trial_of({"train.epochs": 10})))
    assert verdict.startswith("Under-fitting first")
    assert (
        lines[0].startswith("bigger-model (model.width 1.0 → 2.0): ") and "Cost: a training of about four" in lines[0]
    )
    at_goal = World(lambda p: (0.001, 0.004))
    assert planned(params(), split(TRAIN), at_goal.result(trial_of({})))[1] == []


def trial_of(changed: dict) -> Trial:
    return Trial("baseline", params(changed), 1)


def test_seconds_stop_the_loop_when_asked():
    ticks = iter(range(0, 1000, 10))
    found, _ = run(lambda p: (0.2, 0.2), {"improve.seconds": 25.0}, clock=lambda: float(next(ticks)))
    assert found.stopped == "budget" and "improve.seconds" in found.reason


def test_a_start_at_the_goal_stops_at_once():
    found, world = run(lambda p: (0.001, 0.004), {"improve.budget": 0})
    assert (found.stopped, found.rounds, found.spent, len(world.asked)) == ("goal", (), 0, 1)


def test_slots_and_their_timing_change_nothing():
    alone, _ = run(course)
    world = World(course)
    with ThreadPoolExecutor(2) as pool:
        gates = [Event(), Event()]

        def submit(trial: Trial):
            # Every first of two ends after the second.
            number = len(world.asked)
            world.asked.append(trial)

            def work() -> TrialResult:
                if number % 2:
                    gates[0].set()
                else:
                    gates[0].wait(0.02)
                return world.result(trial)

            return pool.submit(work)

        together, _ = run(course, submit=submit)
    assert together.as_json() == alone.as_json()


def test_idle_slots_train_what_is_asked_for_next():
    """On a clock of its own, by which a training takes as long as its epochs."""

    class Clocked(World):
        def __init__(self, rule):
            super().__init__(rule)
            self.now, self.ends, self.at_once = 0, [], 0

        def submit(self, trial: Trial):
            self.asked.append(trial)
            end = self.now + trial.params.train.epochs
            self.ends.append(end)
            self.at_once = max(self.at_once, sum(each > self.now for each in self.ends))
            return SimpleNamespace(done=lambda: end <= self.now, result=lambda: self._waited(end, trial))

        def _waited(self, end: int, trial: Trial) -> TrialResult:
            self.now = max(self.now, end)
            return self.result(trial)

    def which(world: World) -> list[tuple[str, int]]:
        return [(trial.params.model_dump_json(), trial.seed) for trial in world.asked]

    large = {"improve.trials": 400, "improve.budget": 10**9}
    every = [action.name for action in ACTIONS if action.discover is None]
    for rule, changed in ((course, {}), (lambda p: (0.1, 0.2), large), (lambda p: (0.0, 0.2), {})):
        elapsed = []
        for slots in (1, 2, 3):
            world = Clocked(rule)
            found, _ = run(rule, {**changed, "improve.actions": every}, submit=world.submit, slots=slots)
            if slots == 1:
                alone, asked = found, set(which(world))
            assert found.as_json() == alone.as_json(), "as many slots as there are, the outcome is the same"
            assert len(set(which(world))) == len(world.asked), "nothing is trained twice"
            assert len({trial.name for trial in world.asked}) == len(world.asked)
            assert asked <= set(which(world)) and len(world.asked) <= 1.5 * len(asked)
            assert world.at_once <= max(2, slots), "two seeds or short trainings are asked for at once even so"
            elapsed.append(world.now)
        assert elapsed[0] >= elapsed[1] >= elapsed[2]
        if rule is not course:
            assert elapsed[1] < 0.7 * elapsed[0] and elapsed[2] < 0.65 * elapsed[0]


def test_the_report_holds_what_the_design_lists():
    found, _ = run(course)
    report = found.as_json()
    assert {"rounds", "stopped", "reason", "spent", "budget", "requests", "best"} == set(report)
    assert set(report["best"]) == {"params", "parameters", "curve", "errors", "means", "seeds"}
    first = report["rounds"][0]
    assert first["change"] == {"model.width": [1.0, 2.0]}
    assert first["before"]["validation"] == pytest.approx(0.27, abs=0.01)
    assert {"round", "dominant", "action", "addresses", "why", "after", "p_value", "kept", "seeds", "seen"} < set(first)


def test_the_persons_action_joins_its_family_and_can_be_chosen_alone():
    own = Action(
        "smaller-batch", "under-fitting", "More steps.", lambda p, c: {"train.batch_size": p.train.batch_size // 2}
    )
    found, _ = run(
        lambda p: (0.2, 0.22) if p.train.batch_size == 64 else (0.0, 0.0),
        {"improve.actions": ["smaller-batch"]},
        own=[own],
    )
    assert [(tried.action, tried.kept) for tried in found.rounds] == [("smaller-batch", True)]
    order = [action.name for action in choose_actions([own]) if action.addresses == "under-fitting"]
    assert order[-1] == "smaller-batch"


def test_unknown_and_doubled_actions_are_refused_with_the_nearest_name():
    with pytest.raises(UserError, match="unknown action `bigger-modle`: did you mean `bigger-model`"):
        choose_actions((), ["bigger-modle"])
    with pytest.raises(UserError, match="an action named `dropout` is there already"):
        choose_actions([next(action for action in ACTIONS if action.name == "dropout")])


def test_an_action_that_names_an_unknown_parameter_is_named():
    broken = Action("broken", "over-fitting", "", lambda p, c: {"model.widht": 2})
    with pytest.raises(
        UserError, match=r"action `broken`: unknown parameter `model.widht`: did you mean `model.width`"
    ):
        apply(broken, params(), CONTEXT)


ARCHITECTURE = {
    "model.name": ["lenet", "resnet"],
    "model.normalization": ["none", "batch"],
    "train.schedule": ["constant", "one-cycle"],
    "train.learning_rate": [0.0003, 0.003],
}
TABLE = {
    "bigger-model": ({}, {"model.width": [1.0, 2.0]}),
    "less-regularisation": ({"model.dropout": 0.5}, {"model.dropout": [0.5, 0.0]}),
    "another-architecture": ({}, ARCHITECTURE),
    "schedule": ({}, {"train.schedule": ["constant", "one-cycle"], "train.learning_rate": [0.0003, 0.003]}),
    "longer-training": ({}, {"train.epochs": [30, 60]}),
    "batch-norm": ({}, {"model.normalization": ["none", "batch"]}),
    "augmentation": ({}, {"train.augmentation": ["none", "affine"]}),
    "dropout": ({"model.dropout": 0.25}, {"model.dropout": [0.25, 0.5]}),
    "weight-decay": ({}, {"train.weight_decay": [0.0, 6.9], "train.optimizer": ["adam", "adamw"]}),
    "another-model": ({}, ARCHITECTURE),
    "annealing": ({}, {"train.schedule": ["constant", "one-cycle"], "train.learning_rate": [0.0003, 0.003]}),
    "early-stopping": ({}, {"train.epochs": [30, 15]}),
    "smaller-model": ({}, {"model.width": [1.0, 0.5]}),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_each_action_changes(name):
    start, expected = params(TABLE[name][0]), TABLE[name][1]
    action = next(action for action in ACTIONS if action.name == name)
    after = apply(action, start, CONTEXT)
    assert after is not None and changes(start, after) == expected
    assert action.why.endswith(".")


def test_where_actions_do_not_apply():
    named = {action.name: action for action in ACTIONS}
    assert apply(named["bigger-model"], params({"model.width": 8}), CONTEXT) is None
    assert apply(named["batch-norm"], params({"model.normalization": "batch"}), CONTEXT) is None
    assert apply(named["augmentation-crop-flip"], params(), CONTEXT) is None
    assert apply(named["augmentation-shift-scale-noise"], params(), CONTEXT) is None
    large = Context(Spec("image", (3, 32, 32), DIGITS.classes), TRAIN)
    assert apply(named["augmentation-crop-flip"], params(), large).train.augmentation == "crop-flip"


def test_actions_suit_the_modality():
    named = {action.name: action for action in ACTIONS}
    rows = Context(NUMBERS, TRAIN)
    noisy = apply(named["augmentation-shift-scale-noise"], params({"model.name": "conv1d"}), CURVES)
    assert noisy.train.augmentation == "shift-scale-noise"
    for context in (CURVES, rows):
        assert apply(named["augmentation"], params(), context) is None
        assert apply(named["augmentation-crop-flip"], params(), context) is None
    assert apply(named["augmentation-shift-scale-noise"], params(), rows) is None


@pytest.mark.parametrize(
    ("context", "course"),
    [
        (CONTEXT, ["lenet", "resnet"]),
        (CURVES, ["lstm", "wavenet", "attention"]),
        (CURVES, ["conv1d", "wavenet", "attention"]),
        (Context(NUMBERS, TRAIN), ["linear", "mlp"]),
    ],
)
def test_an_architecture_is_followed_by_the_recipes_next(context, course):
    another = next(action for action in ACTIONS if action.name == "another-architecture")
    start = params({"model.name": course[0]})
    for name in course[1:]:
        start = apply(another, start, context)
        assert start.model.name == name
    if context.spec.modality != "sequence":
        deeper = apply(another, start, context)
        assert (deeper.model.depth, deeper.model.normalization) == (2, "batch")
        assert apply(another, deeper.changed({"model.depth": 4}), context) is None
    else:
        assert apply(another, start, context) is None


def test_every_modality_has_something_to_try_in_each_family():
    for context, name in ((CONTEXT, "lenet"), (CURVES, "conv1d"), (Context(NUMBERS, TRAIN), "mlp")):
        left = {action.addresses for action in ACTIONS if apply(action, params({"model.name": name}), context)}
        assert left == {"under-fitting", "over-fitting"}


class Estimated(TrialResult):
    """A regression that was never trained: squared errors of normal residuals, the same hard examples for all."""

    def __init__(self, train: float, validation: float, key: str):
        rng = np.random.default_rng(int(key[:8], 16))
        residuals = np.random.default_rng(0).normal(size=VALIDATION) + 0.1 * rng.normal(size=VALIDATION)
        errors = residuals**2 * validation
        rates = {"train": Average(train, train, TRAIN, 77.0, "points"), "validation": measured(errors, 77.0, "points")}
        super().__init__(key, Path(key), rates, (), TRAIN, 1000)
        self.__dict__["validation_errors"] = errors
        self.__dict__["validation_outputs"] = np.float32(100 + residuals)


def rows(n: int) -> Examples:
    targets = np.linspace(50, 250, n, dtype=np.float32)
    return Examples(tuple(f"{i:032x}" for i in range(n)), np.zeros((n, 3), np.float32), targets, NUMBERS)


def estimating(rule: Callable[[Params], tuple[float, float]], changed: dict | None = None) -> Improvement:
    class Estimates(World):
        def result(self, trial: Trial) -> TrialResult:
            key = digest(trial.params.model.model_dump_json(), trial.params.train.model_dump_json(), str(trial.seed))
            return Estimated(*self.rule(trial.params), key)

    start = params({"model.name": "mlp", "train.epochs": 10, "goal.error": 0.2, **(changed or {})})
    return improve(start, rows(TRAIN), rows(VALIDATION), Estimates(rule).submit)


def test_a_regression_is_improved_on_its_squared_errors():
    found = estimating(lambda p: (0.3, 0.35) if p.model.width < 2 else (0.05, 0.12))
    assert (found.rounds[0].action, found.rounds[0].kept) == ("bigger-model", True)
    assert found.rounds[0].p_value == pytest.approx(0.0002)
    assert found.stopped == "goal" and "(RMSE " in found.reason and "points)" in found.reason
    assert found.as_json()["best"]["errors"]["validation"]["rmse"]["unit"] == "points"
    assert "% of the variance)." in entry(found.rounds[0], regression=True)
    assert found.rounds[0].as_json()["before"]["validation"] == pytest.approx(0.35, rel=0.1)


def test_a_regression_that_nothing_helps_asks_by_range_of_the_target():
    found = estimating(lambda p: (0.05, 0.6), {"improve.trials": 400, "improve.budget": 10**9})
    assert found.stopped == "exhausted" and not any(tried.kept for tried in found.rounds)
    collect = next(request for request in found.requests if request.kind == "collect")
    assert collect.count == TRAIN
    # Estimates near 100 whatever the target, from 50 to 250: the highest quarter is furthest off.
    assert collect.classes == ("progression from 200 to 250 points",)


def test_targets_that_lie_far_outside_are_asked_about():
    validation = rows(100)
    estimates = validation.labels + np.random.default_rng(0).normal(0, 5, 100).astype(np.float32)
    estimates[[7, 40]] += 90
    found = decompose(0.2, Average(0.1, 0.1, 900), Average(0.5, 0.5, 100))
    (check,) = [
        request for request in requests_for(found, rows(900), validation, estimates) if request.kind == "check-labels"
    ]
    assert set(check.ids) == {validation.ids[7], validation.ids[40]} and check.count == 2


@pytest.mark.parametrize("seeds_that_diverge", [(0, 1, 2), (1,)])
def test_an_action_that_diverges_is_undone_and_the_loop_goes_on(seeds_that_diverge):
    world = World(course)

    def submit(trial: Trial) -> "Future[TrialResult]":
        if trial.params.model.name == "resnet" and trial.seed - 1 in seeds_that_diverge:
            failed: Future[TrialResult] = Future()
            failed.set_exception(DivergedError("the training loss became nan at epoch 2, step 3"))
            return failed
        return world.submit(trial)

    def rule(p: Params) -> tuple[float, float]:
        return (0.001, 0.002) if p.model.name == "resnet" else course(p)

    world.rule = rule
    started = []
    found, _ = run(rule, submit=submit, on_start=lambda number, actions: started.append((number, actions)))
    (diverged,) = [tried for tried in found.rounds if tried.action == "another-architecture"]
    assert diverged.after is None and not diverged.kept and diverged.p_value == 1
    assert diverged.reason == "Undone: the training loss became nan at epoch 2, step 3."
    assert diverged.seeds == (0 if 0 in seeds_that_diverge else 1)
    assert found.stopped == "goal" and any(tried.kept for tried in found.rounds)
    assert started[0] == (1, ["bigger-model", "another-architecture"])
    assert "became nan" in entry(diverged) and "→" in entry(diverged)


def test_a_baseline_that_diverges_ends_the_loop_with_its_cause():
    def submit(trial: Trial) -> "Future[TrialResult]":
        failed: Future[TrialResult] = Future()
        failed.set_exception(DivergedError("the training loss became nan"))
        return failed

    with pytest.raises(DivergedError, match="became nan"):
        run(course, submit=submit)
