"""How large gradients are, by layer and from step to step."""

import itertools
from collections.abc import Iterator

import numpy as np

from ....data.findings import Finding
from ..graph import ancestors
from ..trace import Optimiser, Trace, Weights
from .check import PassiveCheck, found
from .gradients import named


def look_at_sizes(trace: Trace) -> Iterator[Finding]:
    for optimiser in trace.optimisers.values():
        weights = [w for w in optimiser.weights.values() if w.norms]
        broken = [w for w in weights if w.not_finite]
        first = min((next(i for i, v in enumerate(w.norms) if not np.isfinite(v)) for w in broken), default=0)
        # The first gradient that broke was a finite loss's: the way back broke it, not the loss.
        if _blown_up(trace):
            continue  # steps that were too long threw the weights away before any gradient broke
        if broken and max(w.not_finite for w in broken) > 1 and all(np.isfinite(v) for v in trace.losses[: first + 1]):
            yield found(
                "gradient-not-finite", "error",
                f"Gradients of {named(broken)} are NaN or infinite at {max(w.not_finite for w in broken)} of "
                f"{max(w.seen for w in broken)} steps looked at.",
                "Look for a square root, a norm or a division at zero on the way back.",
                optimiser.place, "finite gradients", parameters=len(broken),
            )  # fmt: skip
            return
    for optimiser in trace.optimisers.values():
        sound = [w for w in optimiser.weights.values() if w.norms and not w.not_finite]
        weights = [w for w in sound if len(w.shape) > 1]
        if len(weights) < 3:
            continue
        sizes = [_size(w) for w in weights]
        last, least = max(sizes[-1], sizes[-2]), trace.limit("gradient_ratio_least")
        # Signals that vanish on their way forward leave the gradient to the last bias alone.
        start, bias = _size(weights[0], FEWEST), _size(sound[-1], FEWEST)
        if 0 < start < least * bias and max(_size(w, FEWEST) for w in weights) < 1e-3 * bias:
            sizes[0], last = start, bias
        if 0 < sizes[0] < least * last:
            yield found(
                "gradient-vanishing", "warning" if sizes[0] > least * last / 10 else "error",
                f"The first layer's gradient is {sizes[0] / last:.1g} of the last layers' "
                f"({weights[0].name or list(weights[0].shape)}).",
                "Use ReLU instead of sigmoid or tanh, normalisers or residual connections, and He initialisation.",
                optimiser.made, f"at least {least:g}", ratio=sizes[0] / last,
            )  # fmt: skip
            return


BLOWN_UP = 1000.0
"""Times its start, or 1, that a loss reaches by steps alone, not by a number that cannot be divided by."""


def _blown_up(trace: Trace) -> bool:
    """Whether the loss, while it was finite, grew beyond any that data give."""
    values = list(itertools.takewhile(np.isfinite, trace.losses))
    return len(values) > 1 and max(values) > BLOWN_UP * max(1.0, abs(values[0]))


def _size(weights: Weights, most: int | None = None) -> float:
    """Root mean square of a parameter's gradient: the median over the steps looked at, or the first ones."""
    return float(np.median(weights.norms[:most])) / float(np.sqrt(np.prod(weights.shape)))


def look_at_explosion(trace: Trace) -> Iterator[Finding]:
    """Gradients far larger than the weights, or signals that grow from layer to layer before the first step."""
    for optimiser in trace.optimisers.values():
        largest, size, _ = gradients(optimiser)
        if any(e.kind == "clip" for e in trace.events):
            break
        if largest > trace.limit("gradient_relative") * max(1.0, size):
            yield found(
                "gradient-exploding", "error",
                f"The gradient's norm reaches {largest:.3g}, {largest / size:.3g} times that of the weights.",
                "Clip it (clip_grad_norm_ before the step), lower the learning rate, and look at the inputs' and the "
                "targets' scale.",
                optimiser.place, f"at most {trace.limit('gradient_relative'):g} times", norm=largest,
            )  # fmt: skip
            return
    for backward in trace.backwards[:1]:
        entering = [
            (n.layers, n.facts["entering.rms"], n) for n in ancestors(backward.root) if "entering.rms" in n.facts
        ]
        if backward.step or len(entering) < 3 or any(model.loaded for model in trace.models.values()):
            return
        first = max(1.0, max(rms for layers, rms, _ in entering if layers == min(entry[0] for entry in entering)))
        _, most, where = max(entering, key=lambda entry: entry[1])
        if most > trace.limit("layer_growth") * first:
            yield found(
                "gradient-exploding", "error",
                f"Signals grow from layer to layer: what enters the first has a root mean square of {first:.3g}, what "
                f"enters this one {most:.3g}; gradients grow as much on their way back.",
                "Start with smaller weights (torch's own, or nn.init.kaiming_normal_), or put normalisers between.",
                where.place, f"at most {trace.limit('layer_growth'):g} times", growth=most / first,
            )  # fmt: skip


def gradients(optimiser: Optimiser) -> tuple[float, float, bool]:
    """The largest norm of all gradients together until one is not finite, the norm of all weights, and whether the
    first one is the largest.
    """
    totals = list(itertools.takewhile(np.isfinite, _totals(optimiser.weights)))  # what comes before NaN is its cause
    size = float(np.sqrt(sum(w.size[0] ** 2 for w in optimiser.weights.values() if w.size))) or 1.0
    return (max(totals), size, totals[0] == max(totals)) if len(totals) >= FEWEST else (0.0, size, False)


FEWEST = 3
"""Steps that are looked at, at least."""


def _totals(weights: dict[int, Weights]) -> list[float]:
    steps = min((len(w.norms) for w in weights.values() if w.norms), default=0)
    return [float(np.sqrt(sum(w.norms[i] ** 2 for w in weights.values() if w.norms))) for i in range(steps)]


SIZES = (
    PassiveCheck(
        ("gradient-not-finite", "gradient-vanishing"),
        "Too small a gradient learns nothing, NaN destroys everything.",
        "First layer below 1e-5 of the last ones by root mean square (correct programs of the zoo: 0.01).",
        look_at_sizes,
    ),
)

EXPLODING = PassiveCheck(
    ("gradient-exploding",),
    "One such step undoes all others.",
    "A norm of 1,000 times that of the weights, without clipping (correct programs of the zoo: 25 at most); or what "
    "enters a layer before the first step is 100 times what enters the first one.",
    look_at_explosion,
    symptom=True,
)
