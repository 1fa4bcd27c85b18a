"""When to look closely: at the first steps and evaluations densely, then ever more rarely, so that the cost fades."""

from dataclasses import dataclass, field

DENSE_STEPS = 12
"""Steps looked at one by one: enough for two accumulations of four batches and for what starts after warm-up."""

ENOUGH_ROWS, DENSEST = 256, 32
"""Of small batches, so many steps more are looked at until so many rows were seen: labels are judged by their rows."""

STAGE, STAGES = 6, 4
"""Steps looked at one by one when another optimiser begins (fine-tuning, a probe, a student), and how often."""

AGAIN = 4
"""Steps looked at when rows begin to come again: whether they have the labels that they had."""

GROWTH = 1.35
"""Each further step looked at lies so many times later: 10,000 steps are looked at 34 times."""

WHOLE_EVALUATIONS, EVALUATIONS, FIRST_CALLS = 2, 12, 3
"""Evaluations seen whole (their metric can be computed again), those looked into at all, and calls seen in them."""

PASSES = 3
"""Passes of one evaluation (training rows, validation, test) the first calls of which are each looked into."""

LONGEST_EVALUATION = 400
"""Calls seen in an evaluation that is seen whole."""

FULL_STEPS, LONGEST_EPOCH = 2_000, 10_000
"""Steps whose calls and order are all kept; more, up to the second number, while training still meets new rows."""

PERIOD, AWAKE = 100, 10
"""Later, the first ten steps of each hundred are kept whole, and ordinary training steps between them are let by: what
is done there costs a tenth. Evaluation, training in eval mode and the rates are seen all along."""

FUNCTION_STEPS = 400
"""Steps looked at in a program without modules: there, operations are all that can be seen."""

BY_HAND_STEPS = 100
"""Likewise in a program of modules whose steps are all by hand, before most of them are let by."""


@dataclass
class Sampling:
    """Decides from counts alone, so that the same program gives the same findings.

    Attributes:
        next_step: The next step to be looked at once the dense ones are over.
        evaluations: How many evaluations began.
        calls: Calls within the present evaluation.
        at: Optimiser steps before the present evaluation.
        passes: The program's lines above its calls.
        rows: Different training rows seen so far.
        again: Steps until which rows that come again are looked at.
        stage: Steps until which a stage of its own is looked at.
        stages: How many there were.
    """

    next_step: int = DENSE_STEPS
    evaluations: int = 0
    calls: int = 0
    at: int = -1
    passes: set[tuple[int, ...]] = field(default_factory=set)
    rows: int = ENOUGH_ROWS
    again: int = -1
    stage: int = -1
    stages: int = 0

    def begins(self, steps: int) -> None:
        """Another optimiser takes its first step."""
        if steps >= DENSE_STEPS and self.stages < STAGES:
            self.stage, self.stages = steps + 1 + STAGE, self.stages + 1

    def step(self, steps: int, modules: bool) -> bool:
        """Whether to look at the step that follows `steps` steps."""
        if steps < DENSE_STEPS or (not modules and steps < FUNCTION_STEPS):
            return True
        if steps < max(self.again, self.stage) or (steps < DENSEST and self.rows < ENOUGH_ROWS):
            return True
        if steps >= self.next_step:
            self.next_step = max(steps + 1, int(steps * GROWTH))
            return True
        return False

    @staticmethod
    def asleep(steps: int, new_rows: bool) -> bool:
        """Whether to let the step that follows `steps` steps by, where it is an ordinary one."""
        if steps < FULL_STEPS or (new_rows and steps < LONGEST_EPOCH):
            return False
        return steps % PERIOD >= AWAKE

    def evaluation(self, steps: int, lines: tuple[int, ...] = ()) -> bool:
        """Whether to look at this call of a model that no gradient is recorded for, or that is in eval mode.

        Args:
            steps: Optimiser steps before it.
            lines: The program's lines above it: the last validation and the test after it are two passes.
        """
        if steps != self.at:
            self.at, self.calls = steps, 0
            self.evaluations += 1
            self.passes = {lines}
        elif lines not in self.passes and len(self.passes) < PASSES:
            self.calls = 0
            self.passes.add(lines)
        self.calls += 1
        if self.evaluations <= WHOLE_EVALUATIONS:
            return self.calls <= LONGEST_EVALUATION
        return self.evaluations <= EVALUATIONS and self.calls <= FIRST_CALLS
