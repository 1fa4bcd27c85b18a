"""Which labels a call's rows have: what its first loss got, classes of a further task, or the first of their marks."""

import numpy as np
from torch import Tensor

from .summaries import columns, first_mark, row_keys
from .trace import Call


def keep_labels(call: Call, labels: np.ndarray, targets: Tensor | None, rows: int) -> None:
    """Keep what a loss compares a call's outputs with.

    Args:
        call: The call.
        labels: One number a row; empty where a row has several.
        targets: What the loss got.
        rows: Rows of the outputs.
    """
    if len(call.labels) == rows == len(labels) and (call.labels != call.labels.round()).any():
        if (labels == labels.round()).all():  # a second task: classes, beside quantities
            call.classes = labels
    elif not len(call.labels) and (rows == call.rows or (call.bags and rows < call.rows)):
        call.labels = labels
        if not len(labels) and targets is not None and targets.dim() > 1 and len(targets) == rows:
            call.marks, call.classes = row_keys(columns(targets)), first_mark(targets, rows)
