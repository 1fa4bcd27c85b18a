"""The checks, in the order in which they look: mechanisms before symptoms, so that the first finding is the cause."""

from .check import Check
from .gradients import GRADIENTS
from .inputs import INPUTS
from .labels import LABELS
from .learning import LEARNING
from .loss import LOSS
from .outputs import OUTPUTS
from .steps import STEPS

CHECKS: tuple[Check, ...] = (*STEPS, *INPUTS, *OUTPUTS, *LOSS, *GRADIENTS, *LABELS, *LEARNING)

__all__ = ["CHECKS", "Check"]
