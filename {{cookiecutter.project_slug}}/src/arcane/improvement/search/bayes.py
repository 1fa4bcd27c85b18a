"""Bayesian search: Optuna's samplers as a function of (seed, trial number, what was told before).

The study that Optuna reasons about lives in memory; `store` keeps what happened. Choices that are numbers are shown to
the sampler as places in their order, so that it knows which of them are neighbours.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ...training.randomness import key
from .methods import Tried, Values
from .space import Dimension, Scalar, Space

if TYPE_CHECKING:
    import optuna

AT_ONCE = 2
"""Trials in flight. Fixed, not the number of slots: the outcome must not depend on the machine; each one more is
proposed knowing one result less."""
START = 10
"""Trials spread evenly over the space before the model is asked; Optuna's own number."""

Sampler = Literal["tpe", "gp"]


class Bayes:
    """Tree-structured Parzen estimators (Bergstra et al. 2011), or a Gaussian process, as Optuna has them.

    Args:
        space: What to search.
        seed: Of the study; the draws of a trial depend on it and on the trial's number.
        sampler: `tpe`, or `gp`: better on few numeric dimensions, slower to propose.
        at_once: Trials in flight.
    """

    name = "bayes"

    def __init__(self, space: Space, seed: int, sampler: Sampler = "tpe", at_once: int = AT_ONCE):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.space, self.seed, self.sampler, self.at_once = space, seed, sampler, at_once
        self.distributions = {each.name: seen_by_sampler(each) for each in space}
        self.study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        self.asked: dict[int, optuna.Trial] = {}
        self.known = 0
        self.start = spread(len(space), seed)

    def needs(self, number: int) -> int:
        return max(0, number - self.at_once + 1)

    def propose(self, number: int, told: Sequence[Tried], running: Mapping[int, Values]) -> Values:
        self.learn(told)
        for other, values in sorted(running.items()):
            if other not in self.asked:  # a study that goes on
                self.study.enqueue_trial(self.encoded(values))
                self.asked[other] = self.study.ask(self.distributions)
        if number < START:
            places = self.start[number]
            values = {each.name: each.at(float(p)) for each, p in zip(self.space, places, strict=True)}
            self.study.enqueue_trial(self.encoded(values))
        self.study.sampler = self.sampler_of(number)
        self.asked[number] = self.study.ask(self.distributions)
        return self.decoded(self.asked[number].params)

    def learn(self, told: Sequence[Tried]) -> None:
        """Tell Optuna of the trials that it has not heard of."""
        from optuna.trial import TrialState, create_trial

        for one in told[self.known :]:
            complete = one.state == "complete"
            if (trial := self.asked.pop(one.number, None)) is None:
                self.study.add_trial(
                    create_trial(
                        state=TrialState.COMPLETE if complete else TrialState.PRUNED,
                        params=self.encoded(one.values),
                        distributions=self.distributions,
                        value=one.error if complete else None,
                        intermediate_values=dict(one.rungs),
                    )
                )
                continue
            for seen, error in one.rungs:
                trial.report(error, seen)
            if complete:
                self.study.tell(trial, one.error)
            else:  # one that diverged has no rungs: Optuna takes it for worse than any other
                self.study.tell(trial, state=TrialState.PRUNED)
        self.known = len(told)

    def sampler_of(self, number: int) -> "optuna.samplers.BaseSampler":
        """A sampler whose draws depend on the study's seed and the trial's number alone."""
        import warnings

        import optuna

        seed = key(self.seed, number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            if self.sampler == "gp":
                return optuna.samplers.GPSampler(seed=seed, n_startup_trials=START, deterministic_objective=False)
            return optuna.samplers.TPESampler(seed=seed, n_startup_trials=START)

    def encoded(self, values: Values) -> dict[str, Scalar]:
        return {
            each.name: each.choices.index(values[each.name]) if indexed(each) else values[each.name]
            for each in self.space
        }

    def decoded(self, params: Mapping[str, Any]) -> dict[str, Scalar]:
        return {
            each.name: each.choices[params[each.name]]
            if indexed(each)
            # As the other methods: four digits say all that a search can tell apart.
            else (params[each.name] if each.choices or each.whole else float(f"{params[each.name]:.4g}"))
            for each in self.space
        }


def indexed(dimension: Dimension) -> bool:
    """Whether the sampler sees places in an order instead of the values."""
    return len(dimension.choices) > 2 and dimension.ordered


def seen_by_sampler(dimension: Dimension) -> "optuna.distributions.BaseDistribution":
    from optuna.distributions import IntDistribution

    return IntDistribution(0, len(dimension.choices) - 1) if indexed(dimension) else dimension.distribution()


def spread(dimensions: int, seed: int) -> Any:
    """The places of the first `START` trials, float `[START, dimensions]`: a scrambled Sobol sequence covers each
    dimension more evenly than independent draws do."""
    import warnings

    from scipy.stats import qmc

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # ten points are no power of two: even enough
        return qmc.Sobol(dimensions, rng=seed).random(START)
