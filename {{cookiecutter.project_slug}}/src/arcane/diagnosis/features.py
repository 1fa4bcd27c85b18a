"""Examples as rows of plain numbers, for models and measurements that know nothing of images, sequences or tables."""

from typing import Any

import numpy as np

from ..spec import Spec

LEVELS = 100
"""Most columns that a category becomes: its rarest levels share one, so that a name of 10,000 levels fits in memory."""


def flat(inputs: np.ndarray) -> np.ndarray:
    """`[N, *spec.shape]` as float32 `[N, size]`."""
    return inputs.reshape(len(inputs), -1).astype(np.float32)


def categories(spec: Spec) -> list[int]:
    """Places of a table's categories among its columns."""
    return [place for place, feature in enumerate(spec.features) if feature.kind == "category"]


def preparation(spec: Spec) -> Any:
    """An unfitted scikit-learn transformer of `flat` inputs to standardised numbers.

    What is absent becomes the median of its column, with an indicator beside it (column by column: of a sequence, each
    place of each channel); a category becomes a column for each of its levels.
    """
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    if spec.modality == "image":
        return StandardScaler()
    coded = categories(spec)
    numbers = [place for place in range(spec.size) if place not in set(coded)]
    imputed = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=LEVELS, sparse_output=False)
    return make_column_transformer(
        (make_pipeline(imputed, StandardScaler()), numbers), (one_hot, coded), sparse_threshold=0
    )
