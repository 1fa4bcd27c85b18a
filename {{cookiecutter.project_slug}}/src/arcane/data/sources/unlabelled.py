"""Inputs out of files that need no labels, brought to what a model reads: the road of prediction.

Cells, arrays and pictures are read by the functions that the sources read them with.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np

from ...errors import UserError
from ...spec import Feature, Spec
from .columns import LARGEST, Column, Seen
from .reading import FIRST_ROW, SUFFIXES, batches, column_names, delimiter_of, is_text_file
from .sequences import FORMS, unlabelled_series


def read_inputs(path: Path, spec: Spec) -> np.ndarray:
    """The examples of one file: `[n, *spec.shape]`; an image file is one example.

    Tables need the columns of the features, by name; others are ignored, and a category's unknown value has the code 0.
    Sequences need their channels; shorter ones end in NaN.

    Raises:
        UserError: The file cannot be read, or holds something else than the model was trained on.
    """
    if not path.is_file():
        raise UserError(f"{path}: not there")
    if spec.modality == "image":
        from ..images import fit_image, read_image

        return fit_image(read_image(path), cast(tuple[int, int, int], spec.shape))[None]
    endings = SUFFIXES if spec.modality == "tabular" else tuple(FORMS)
    if path.suffix.lower() not in endings:
        raise UserError(f"{path}: expected a file with {spec.modality} data ({', '.join(endings)})")
    parts = list(rows_of_table(path, spec) if spec.modality == "tabular" else sequences_of(path, spec))
    if not parts:
        raise UserError(f"{path}: nothing to predict for in it")
    inputs = np.concatenate(parts)
    inputs[np.abs(inputs) > LARGEST] = np.nan
    return inputs.astype(np.float32)


def rows_of_table(path: Path, spec: Spec) -> Iterator[np.ndarray]:
    """A table's rows, float64 `[n, F]` at a time, in the order of the model's features."""
    there, wanted = set(column_names(path)), [feature.name for feature in spec.features]
    if missing := [name for name in wanted if name not in there]:
        raise UserError(
            f"{path}: lacks {'a column' if len(missing) == 1 else f'{len(missing)} columns'} that the model reads: "
            f"{', '.join(missing[:20])}"
        )
    columns = typed_as_here(path, spec.features)
    for batch in batches(path, wanted):
        yield np.stack([column.values(batch[column.name]) for column in columns], 1)


def typed_as_here(path: Path, features: tuple[Feature, ...]) -> list[Column]:
    """How this file writes the features: a number may be one, a date, or yes and no, with a comma or a point.

    Raises:
        UserError: A column of numbers holds texts.
    """
    comma = is_text_file(path) and delimiter_of(path) != ","
    seen = {feature.name: Seen(feature.name, comma=comma) for feature in features if feature.kind == "number"}
    row = FIRST_ROW if is_text_file(path) else 0
    for batch in batches(path, list(seen)) if seen else ():
        for name, each in seen.items():
            each.add(batch[name], row)
        row += len(batch)
    wrong = [each for each in seen.values() if each.kind in ("text", "other")]
    if wrong:
        raise UserError(
            f"{path}: column `{wrong[0].name}` holds {wrong[0].odd or 'texts'}; the model reads numbers there"
        )
    return [
        Column(feature.name, seen[feature.name].kind if feature.name in seen else "text", feature.levels, comma)
        for feature in features
    ]


def sequences_of(path: Path, spec: Spec) -> Iterator[np.ndarray]:
    """A file's sequences, float64 `[1, C, L]` each, padded with NaN to the model's length."""
    channels, length = spec.shape
    for row, series in enumerate(unlabelled_series(path)):
        if series.shape[0] != channels:
            raise UserError(f"{path}, row {row}: {series.shape[0]} channels; the model reads {channels}")
        if series.shape[1] > length:
            raise UserError(f"{path}, row {row}: {series.shape[1]} steps; the model reads at most {length}")
        yield np.pad(series.astype(np.float64), ((0, 0), (0, length - series.shape[1])), constant_values=np.nan)[None]
