"""Actions against a shift between the training data and the domain that counts, in RECIPE 5.1's order.

Collecting data comes first and is a person's (`requests`). These need nothing but the inputs of the validation split;
its labels teach nothing.
"""

from ...config import Params
from .action import Action, Context

LARGEST = 1024
"""Numbers in an example that CORAL still takes: the work grows with their cube."""


def _shifted(params: Params, context: Context) -> bool:
    return params.data.target_domain is not None


def _unadapted(params: Params, context: Context) -> bool:
    return _shifted(params, context) and params.train.adaptation == "none"


SHIFT: tuple[Action, ...] = (
    Action(
        "synthesise",
        "distribution shift",
        "Training examples made to look like the target domain (its moments, its blur and its noise, measured) keep "
        "their labels and make up for data that is not there.",
        lambda params, context: {"train.synthesis": "target"},
        lambda params, context: _shifted(params, context) and params.train.synthesis == "none",
        order=2.1,
    ),
    Action(
        "adapt-batch-norm",
        "distribution shift",
        "Batch normalisation with the target domain's statistics undoes a shift of level and contrast inside the "
        "network.",
        lambda params, context: {"train.adaptation": "batch-norm"},
        lambda params, context: _unadapted(params, context) and params.model.normalization == "batch",
        order=3.1,
    ),
    Action(
        "adapt-importance",
        "distribution shift",
        "Training examples that look like the target domain count for more: a classifier that tells the two apart says "
        "how much.",
        lambda params, context: {"train.adaptation": "importance"},
        _unadapted,
        order=3.2,
    ),
    Action(
        "adapt-coral",
        "distribution shift",
        "Training inputs turned and stretched until they vary together as the target domain's do (CORAL).",
        lambda params, context: {"train.adaptation": "coral"},
        lambda params, context: _unadapted(params, context) and context.spec.size <= LARGEST,
        order=3.3,
    ),
)
