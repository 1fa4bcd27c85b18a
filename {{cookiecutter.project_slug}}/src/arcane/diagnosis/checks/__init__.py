"""The checks, in the order in which they look: mechanisms before symptoms, so that the first finding is the cause."""

from .check import Check
from .data import DATA, METRICS
from .gradients import FLOW, GRADIENTS
from .inputs import INPUTS
from .labels import LABELS
from .learning import LEARNING
from .loss import LOSS
from .model import MODEL, SYMMETRY
from .optimiser import OPTIMISER
from .outputs import OUTPUTS
from .steps import STEPS

CHECKS: tuple[Check, ...] = (
    *DATA, *STEPS, *INPUTS, *OUTPUTS, *FLOW, *MODEL, *LOSS, *OPTIMISER, *GRADIENTS, *SYMMETRY, *METRICS, *LABELS,
    *LEARNING,
)  # fmt: skip

__all__ = ["CHECKS", "Check"]
