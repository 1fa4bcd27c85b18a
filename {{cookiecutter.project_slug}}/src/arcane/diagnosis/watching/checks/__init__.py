"""The passive checks, in the order in which they look: mechanisms before symptoms."""

from .check import PassiveCheck
from .crash import CRASH
from .draws import DRAWS
from .flow import FLOW
from .gradients import EXPLODING, GRADIENTS
from .inputs import INPUTS
from .labels import LABELS
from .loss import LOSS
from .metric import METRIC
from .model import MODEL
from .modes import MODES
from .objective import OBJECTIVE, SYMPTOMS
from .optimiser import OPTIMISER, RATE
from .shapes import CONSTANT, SHAPES
from .sign import SIGN
from .units import UNITS

PASSIVE: tuple[PassiveCheck, ...] = (
    *CRASH, *SHAPES, *LOSS, *SIGN, *OBJECTIVE, *INPUTS, *LABELS, *MODEL, *GRADIENTS, *OPTIMISER, *MODES, *DRAWS, *FLOW,
    *METRIC, RATE, *UNITS, EXPLODING, *SYMPTOMS, CONSTANT,
)  # fmt: skip
