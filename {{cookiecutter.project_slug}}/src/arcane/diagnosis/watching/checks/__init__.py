"""The passive checks, in the order in which they look: mechanisms before symptoms."""

from .answers import ANSWERS
from .casting import CASTING
from .check import PassiveCheck
from .classwise import CLASSWISE
from .contest import CONTEST
from .crash import CRASH
from .dimensions import DIMENSIONS
from .divergence import DIVERGENCE
from .draws import DRAWS, TARGETS
from .errors import ERRORS
from .finite import FINITE
from .flow import FLOW
from .gradients import GRADIENTS
from .inputs import INPUTS
from .judging import JUDGING
from .labels import LABELS
from .likelihoods import LIKELIHOODS
from .loss import LOSS
from .metric import METRIC
from .model import MODEL
from .modes import MODES
from .objective import OBJECTIVE, SYMPTOMS
from .pairs import PAIRS
from .parameters import PARAMETERS
from .placing import PLACING
from .portions import PORTIONS
from .quotients import QUOTIENTS
from .rate import RATE
from .samples import SAMPLES
from .schedule import SCHEDULE
from .shapes import CONSTANT, SHAPES
from .shares import SHARES
from .sign import SIGN
from .sizes import EXPLODING, SIZES
from .units import UNITS

PASSIVE: tuple[PassiveCheck, ...] = (
    *CRASH, *DIMENSIONS, *SHAPES, *PORTIONS, *LOSS, LIKELIHOODS, *CONTEST, *SIGN, *DIVERGENCE, *SHARES, *OBJECTIVE,
    *CASTING, *FINITE, TARGETS, *INPUTS, PLACING, *PAIRS, *LABELS, *MODEL, *GRADIENTS, *SAMPLES, *SIZES,
    *PARAMETERS, *SCHEDULE, *MODES, *DRAWS, *FLOW, *JUDGING, *ANSWERS, *METRIC, CLASSWISE, *ERRORS, *QUOTIENTS,
    RATE, *UNITS, EXPLODING, *SYMPTOMS, CONSTANT,
)  # fmt: skip
