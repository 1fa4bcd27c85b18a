"""Validation: what is wrong with the data set, found before anything is trained on it.

One small function a finding, grouped by what it looks at; a new one is written and listed in `CHECKS`. Thresholds stand
beside the function, with their reason. `drift` and `unrepresentative` look at the splits, once there are some.
"""

from typing import TYPE_CHECKING

from ...config import Data
from ..assets import Assets
from ..findings import Finding, with_accepted
from .columns import COLUMNS
from .copies import COPIES
from .drift import drift
from .given import Check, Given
from .images import IMAGES
from .labels import LABELS
from .leakage import LEAKAGE
from .manifest_rows import MANIFEST_ROWS
from .order import ORDER
from .reading import read_for_validation
from .representation import REPRESENTATION, unrepresentative
from .sequences import SEQUENCES
from .variety import VARIETY

if TYPE_CHECKING:
    import polars as pl

__all__ = ["CHECKS", "drift", "read_for_validation", "unrepresentative", "validate"]

CHECKS: tuple[Check, ...] = (
    *MANIFEST_ROWS,
    *LABELS,
    *COPIES,
    *IMAGES,
    *SEQUENCES,
    *COLUMNS,
    *LEAKAGE,
    *VARIETY,
    *ORDER,
    *REPRESENTATION,
)


def validate(
    frame: "pl.DataFrame", assets: Assets, data: Data | None = None, splits: "pl.DataFrame | None" = None
) -> list[Finding]:
    """Everything that is wrong or may be, errors first; what `data.accept` lets through is a note.

    Args:
        frame: The manifest, as `read_manifest` gives it.
        assets: The packed inputs.
        data: The params; None for the defaults.
        splits: `id` and `split`, where there are some already.
    """
    given = Given(frame, assets, data or Data(), splits)
    modality = assets.spec.modality
    found = [finding for check in CHECKS if modality in check.modalities for finding in check.look(given)]
    return with_accepted(found, given.data.accept)
