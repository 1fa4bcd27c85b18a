"""Tells the rows that reach a model apart, and sums them up by phase; rows that come again are looked at ever less."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from .sampling import AGAIN, EVALUATIONS, FIRST_CALLS
from .summaries import columns, population, row_keys, row_values, sliding
from .trace import Call

MOST_ROWS = 200_000
"""Rows told apart in a phase; of a larger set the first ones stand for all."""

STALE, SELDOM = 8, 8
"""After so many training calls in a row that bring no new row, one call of so many is looked at until one does: an
epoch is over. Told apart were 32 rows of 64 values in 0.1 ms, a tenth of a small step."""

FEWEST, VARIED = 16, 0.9
"""Different rows, and the share of different values among them, by which a feature shows to be continuous."""

ODD = np.int64(0x5851F42D4C957F2D)
"""Puts the parts of a row in order before they are added up."""

WAITING = 64
"""Calls whose rows are kept until it is known what they are for."""


class Rows:
    """What distinct rows reached each model.

    Args:
        recorder: The recorder.
    """

    def __init__(self, recorder: Any):
        self.recorder = recorder
        self.waiting: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self.known: dict[str, set[int]] = {"train": set(), "evaluation": set(), "shown": set()}
        self.stale: dict[int, int] = defaultdict(int)
        self.passed: dict[int, int] = defaultdict(int)
        self.passes: dict[str, set[int | None]] = {}

    def wanted(self, call: Call) -> bool:
        """Whether to look at a call's rows: at all of what is looked into, and else at what may be new."""
        if len(self.known["train" if call.gradient else "evaluation"]) > MOST_ROWS:
            return False
        if call.watched:
            return True
        if call.gradient:
            if not call.training or self.stale[call.model] < STALE:
                return True
            self.passed[call.model] += 1
            return self.passed[call.model] % SELDOM == 0
        sampling, modes = self.recorder.sampling, call.modes
        late = sampling.evaluations > EVALUATIONS and sampling.calls > FIRST_CALLS
        return not late or bool(modes.dropout_on or modes.norm_on)

    def see(self, call: Call, inputs: Tensor, further: Sequence[Tensor] = ()) -> None:
        """Tell the rows of a call's inputs apart, and keep their values until it is known what they are for.

        Args:
            call: The call.
            inputs: Its first argument.
            further: Other arguments that hold a part of each row; by all parts together rows are told apart.
        """
        if not self.wanted(call):
            return
        rows = columns(inputs)
        if rows.shape[1] == 0:
            return
        call.keys = row_keys(rows)
        for part in further:
            call.keys = call.keys * ODD + row_keys(columns(part))
        self.recorder.captures.rows(call, inputs)
        call.sliding = call.watched and sliding(inputs)
        if inputs.dtype.is_complex:
            return
        if not inputs.is_floating_point():
            self.recorder.trace.models[call.model].embeds = True
        values = row_values(rows)
        exact = values.ravel().astype(np.float64)
        if not np.isfinite(exact.sum()):
            exact = exact[np.isfinite(exact)]
        if exact.size:
            call.mean, call.low, call.high = float(exact.mean()), float(exact.min()), float(exact.max())
            exact -= call.mean
            call.std = float(np.sqrt(exact.dot(exact) / exact.size)) if call.high > call.low else 0.0
        self.waiting[call.number] = (call.keys, values)
        while len(self.waiting) > WAITING:
            self.waiting.pop(next(iter(self.waiting)))

    def settle(self, call: Call, phase: str) -> None:
        """Count a call's rows to training or evaluation."""
        waiting = self.waiting.pop(call.number, None)
        if waiting is None or (phase != "train" and call.place in self.recorder.places_made):
            return  # rows that the model made, step by step, are none of an evaluation's
        keys, values = waiting
        known = self.known[phase]
        self.first_pass(call, phase, keys, values)
        fresh = np.fromiter((key not in known for key in keys.tolist()), bool, len(keys))
        if phase == "train":
            self.stale[call.model] = 0 if fresh.any() else self.stale[call.model] + 1
            sampling = self.recorder.sampling
            if self.stale[call.model] == 1 and sampling.again < 0:
                sampling.again = self.recorder.trace.steps + 1 + AGAIN
        if not fresh.any():
            return
        _, firsts = np.unique(keys, return_index=True)
        once = np.zeros(len(keys), bool)
        once[firsts] = True
        known.update(keys.tolist())
        if phase != "train":  # rows that were trained on say nothing about what evaluation alone has seen
            trained = self.known["train"]
            fresh &= np.fromiter((key not in trained for key in keys.tolist()), bool, len(keys))
        chosen = values[fresh & once]
        model = self.recorder.trace.models[call.model]
        if phase == "train" and not (model.continuous or model.embeds) and len(chosen) >= FEWEST:  # codes are few
            model.continuous = any(len(np.unique(column)) > VARIED * len(chosen) for column in chosen.T)
        if not len(chosen) or not np.isfinite(chosen).all():
            return
        name = call.population(phase)
        populations, sums = self.recorder.trace.populations, population(chosen)
        before = populations.get(name)
        if before is None or len(before.sums) == len(sums.sums):
            populations[name] = sums if before is None else before + sums

    def made(self, call: Call) -> None:
        """What the model answered is what it is asked next: its rows, and those that it began with, are no data."""
        if call.place not in self.recorder.places_made:
            self.recorder.places_made.add(call.place)
            for phase in ("evaluation", "shown"):
                self.recorder.trace.populations.pop(call.population(phase), None)

    def first_pass(self, call: Call, phase: str, keys: np.ndarray, values: np.ndarray) -> None:
        """Count every row of the first pass, doubles among the data too, until a batch brings no row that is new."""
        name = call.population(phase)
        passed = self.passes.setdefault(name, set())
        if None in passed:
            return
        if passed.issuperset(keys.tolist()) or not np.isfinite(values).all():
            passed.add(None)  # the pass is over
            return
        passed.update(keys.tolist())
        whole, sums = self.recorder.trace.whole, population(values)
        if name not in whole or len(whole[name].sums) == len(sums.sums):
            whole[name] = whole[name] + sums if name in whole else sums

    @property
    def new(self) -> bool:
        """Whether training still meets rows that it did not meet before."""
        return any(count < STALE for count in self.stale.values())

    def boundary(self, steps: int, on: bool) -> None:
        """An optimiser step is over: rows that nothing was done with are let go."""
        if steps % 8 == 0 or not on:
            self.waiting.clear()


def of_row(tensor: Tensor, first: Tensor) -> bool:
    """Whether an argument holds a further part of each row, whose first part is a single code (a user; an item)."""
    codes = first.dim() == 1 and not first.is_floating_point()
    return codes and tensor is not first and tensor.dim() > 0 and len(tensor) == len(first) and tensor.numel() > 0


def codes_beside(first: Tensor, given: Sequence[Tensor]) -> np.ndarray:
    """Whole numbers that a model gets beside its rows, one a row; empty where there are none."""
    whole = (t for t in given if t is not first and not t.is_floating_point() and t.shape == first.shape[:1])
    codes = next(whole, None)
    return np.empty(0, np.int64) if codes is None else codes.detach().cpu().numpy().astype(np.int64)
