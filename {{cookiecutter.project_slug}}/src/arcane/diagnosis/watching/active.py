"""What is asked at the end of copies and of kept rows, where no mechanism was seen while the program ran."""

from collections.abc import Callable, Collection, Iterable

from ...data.findings import Finding
from ..limits import Settings
from .answering import label_asked
from .captured import examine_captured
from .captures import Captures
from .checks.pairs import look_at_views
from .copied import look_at_copied_rows
from .corruption import look_at_corruption
from .crossing import look_across
from .masks import look_at_masks
from .nearness import look_at_copies_nearby
from .numbered import look_at_numbers
from .overlaying import look_at_overlays
from .padding import look_at_padding
from .pairing import look_at_conditions, look_at_kept_pairs
from .probing import look_at_copies, look_at_own_modes
from .sequences import look_at_sequences
from .series import look_at_series
from .streams import look_at_streams
from .told import look_at_told
from .trace import Trace

Look = Callable[[Trace, Captures], Iterable[Finding]]
LOOKS: tuple[tuple[str, Look], ...] = (
    ("examples-mixed", look_at_copies),
    ("train-mode-in-evaluation", look_at_own_modes),
    ("preprocessing-leak", look_at_series),
    ("input-ignored", look_at_told),
    ("labels-out-of-order", look_across),
    ("train-validation-overlap", look_at_copies_nearby),
    ("train-validation-overlap", look_at_streams),
    ("train-validation-overlap", look_at_copied_rows),
    ("augmentation-breaks-labels", look_at_masks),
    ("labels-out-of-order", look_at_overlays),
    ("labels-out-of-order", look_at_numbers),
    ("labels-out-of-order", look_at_sequences),
    ("labels-out-of-order", look_at_kept_pairs),
    ("labels-out-of-order", look_at_conditions),
    ("labels-out-of-order", look_at_views),
    ("labels-corrupt", look_at_corruption),
    ("metric-wrong", look_at_padding),
)

RECONSIDERED = frozenset({"labels-corrupt"})
"""Errors whose cause may be another one, which the kept rows tell."""


def asked_at_the_end(
    trace: Trace, captures: Captures, settings: Settings | None, only: Collection[str] = ()
) -> list[Finding]:
    """What each look finds; the failure of one is a note, and harms no other.

    Args:
        trace: What was seen.
        captures: What was kept.
        settings: Thresholds and silenced codes.
        only: Errors that were found; then only their causes are looked for.
    """
    label_asked(trace)
    found: list[Finding] = []
    looks = (*LOOKS, ("cannot-overfit-batch", lambda t, c: examine_captured(t, c, settings)))
    for code, look in [pair for pair in looks if not only or pair[1] is look_across]:
        try:
            found += look(trace, captures)
        except Exception as error:
            message = f"{code}: the check itself failed ({type(error).__name__}: {error})."
            found.append(Finding("check-failed", "note", message, "This was not examined; everything else was."))
    return found
