"""How far steps go, and what the loss does."""

from collections.abc import Iterator

import numpy as np

from ....data.findings import Finding
from ..trace import Optimiser, Trace, Weights
from .check import PassiveCheck, found
from .sizes import gradients

FEWEST = 10
"""Steps from which on a program is said to have learnt too slowly."""

ENOUGH = 30
"""Steps from which on their whole way is judged."""

SPIKE, CLEAR = 3.0, 0.1
"""Times its start that a loss reaches after the first steps, where these were too long, and by so much more."""

WARM = 12
"""First steps among which the longest four in a row count: a warm-up begins with short ones."""


def look_at_rate(trace: Trace) -> Iterator[Finding]:
    """How far steps go, and what the loss does."""
    for number, optimiser in trace.optimisers.items():
        ratios = [w.ratios for w in _grown(optimiser)]
        losses = _losses(trace, number)
        if not ratios or optimiser.steps < 5 or not optimiser.plain or not len(losses):
            continue
        steps = min(map(len, ratios))
        typical = np.array([np.median([r[i] for r in ratios]) for i in range(steps)])
        typical = typical[np.isfinite(typical)]  # behind a weight that is NaN no length is told
        if not len(typical):
            continue
        said = _too_far(trace, optimiser, typical, losses) or _too_short(trace, optimiser, typical, losses)
        if said:
            yield said
            return


def _grown(optimiser: Optimiser) -> list[Weights]:
    """Matrices that do not start at nought, where any step is long for its weights."""
    matrices = [w for w in optimiser.weights.values() if w.ratios and len(w.shape) > 1]
    sizes = [(w.size[0] if w.size else 1.0) / float(np.sqrt(np.prod(w.shape))) for w in matrices]
    return [w for w, size in zip(matrices, sizes, strict=True) if size > NOUGHT * max(sizes)]


NOUGHT = 0.01
"""Of the largest root mean square among an optimiser's matrices: one that has less started at 0."""


def _spoilt(trace: Trace) -> bool:
    """Whether units that were at work before the first step lie at their bounds ever after."""
    for units in trace.units.values():
        pairs = list(zip(units.idle, units.steps, strict=True))
        fresh, later = [idle for idle, step in pairs if not step], [idle for idle, step in pairs if step]
        worked = units.width >= 4 and fresh and len(later) >= 4 and max(fresh) < AT_WORK
        if worked and float(np.median(later)) > trace.limit("watched_saturated_share"):
            return True
    return False


AT_WORK = 0.3
"""Share of idle units, or values at their bounds, up to which a layer is said to work (fresh ones: none)."""


def _losses(trace: Trace, number: int) -> np.ndarray:
    """The finite losses whose gradients an optimiser used: those before its steps, where others had steps between."""
    alone = sum(bool(o.steps) for o in trace.optimisers.values()) < 2 or trace.taking_turns
    own, waiting = [], []
    for event in trace.events:
        if event.kind == "backward":
            waiting.append(event.loss)
        elif event.kind == "step":
            own += waiting if alone or event.subject == number else []
            waiting = []
    return np.array([v for v in (own or trace.losses) if np.isfinite(v)])


def _too_far(trace: Trace, optimiser: Optimiser, typical: np.ndarray, losses: np.ndarray) -> Finding | None:
    # Of the first steps: a rate that kills every unit leaves steps of length 0 behind.
    far = max(float(np.median(typical[i : i + 4])) for i in range(max(1, min(WARM, len(typical)) - 3)))
    start = min(losses[0], losses[: max(1, len(losses) // 20)].mean())  # a spike at once is no fall later
    late = losses[-max(1, len(losses) // 5) :].mean()
    fell, worse = late < start - 0.1 * abs(start), late > 1.5 * abs(losses[0]) + 0.5
    early = losses[: max(6, len(losses) // 10)].max()
    thrown = early > SPIKE * abs(losses[0]) + CLEAR and typical[:4].max() > trace.limit("step_thrown")
    largest, size, at_once = gradients(optimiser)
    if at_once and largest > trace.limit("gradient_relative") * max(1.0, size):
        return None  # before any step was taken: it is not the rate that makes them so large
    spoilt = typical[:4].max() > 1 and _spoilt(trace)
    if not (spoilt or (far > trace.limit("step_largest") and not fell) or (worse and far > 0.05) or thrown):
        return None
    does = "rises" if worse else f"leaps to {early:.3g}" if thrown else "does not fall"
    does = "units that worked are idle ever after" if spoilt else f"the loss {does}"
    return found(
        "learning-rate-too-high", "error",
        f"{_at(optimiser)} step changes the weights by {100 * far:.0f} % of their size, and {does} "
        f"(loss {losses[0]:.3g} to {losses[-1]:.3g}).",
        "Lower it, to a tenth or a hundredth (3e-4 for Adam, 0.01 to 0.1 for SGD).",
        optimiser.made, "steps of about 0.1 % of the weights", rate=_rate(optimiser), ratio=far,
    )  # fmt: skip


def _too_short(trace: Trace, optimiser: Optimiser, typical: np.ndarray, losses: np.ndarray) -> Finding | None:
    """Steps, or all of them together, that hardly move the weights while the loss stays where it is."""
    near, path = float(typical.max()), float(typical.mean()) * optimiser.steps
    first, late = losses[: max(1, len(losses) // 20)].mean(), losses[-max(1, len(losses) // 5) :].mean()
    still = late > 0.98 * first and near < trace.limit("step_least")
    nowhere = late > 0.9 * first and path < trace.limit("path_least") and optimiser.steps >= ENOUGH
    nowhere = nowhere and not trace.taking_turns  # of a GAN no loss has to fall
    if not (still or nowhere) or optimiser.steps < FEWEST or losses[0] <= 0:
        return None
    return found(
        "learning-rate-too-low", "warning",
        f"{_at(optimiser)} step changes the weights by {near:.1g} of their size at most, all {optimiser.steps} "
        f"together by {path:.1g}, and the loss stays where it is ({losses[0]:.3g} to {losses[-1]:.3g}).",
        "Raise it (3e-4 for Adam, 0.01 to 0.1 for SGD).",
        optimiser.made, "steps of about 0.001 of the weights", rate=_rate(optimiser), ratio=near, path=path,
    )  # fmt: skip


def _rate(optimiser: Optimiser) -> float:
    return optimiser.rates[0] if optimiser.rates else 0.0


def _at(optimiser: Optimiser) -> str:
    return f"At a learning rate of {_rate(optimiser):g} a" if _rate(optimiser) else "A"


RATE = PassiveCheck(
    ("learning-rate-too-high", "learning-rate-too-low"),
    "The rate is the parameter that matters most.",
    "Median step above 0.2 of the weights while the loss does not fall, above 0.05 while it rises by half, or above 3 "
    "while it leaps to three times its start, or above 1 while units that worked go to their bounds for good; below "
    "1e-5 while it stays (0.001 is usual), or all steps together below 0.05 while it falls by less than a tenth "
    "(correct programs of the zoo: 0.13 or more, of loaded weights).",
    look_at_rate,
    symptom=True,
)
