"""What the checks work on: copies of a task, batches, watched steps. The task that was given is never touched."""

import copy
import inspect
import math
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data.loading import Examples
from ..data.statistics import statistics_of
from ..training.configured import Configured, configured
from ..training.randomness import key, reseed
from .aims import Aim, Classes, Numbers
from .course import Course, Order, order_by_hand, stepped, taken
from .features import flat, preparation
from .limits import Settings, source_line
from .recording import Recorder, Seen

__all__ = ["NORMALISERS", "PREPARED", "Batch", "Bench", "Course", "Seen", "quiet"]

Batch = tuple[Tensor, Tensor]

NORMALISERS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
OVERFIT_BATCH, OVERFIT_STEPS = 32, 300
"""One batch must be learnt: at most 3 of 32 wrong, or a tenth of its variance unexplained, after 300 steps. LeNet,
ResNet, MLP and the linear model on digits, with plain SGD at 0.1, Adam at 3e-4 to 1e-2, batch or group norm or dropout
0.5, all reach it (`tests/test_diagnosis_examine.py`)."""

ATTAINABLE = 1.5
"""Times what least squares leave of the batch: 10 columns cannot explain 32 targets whatever the training."""

PREPARED = 1000
"""Examples that least squares and nearest neighbours look at."""


class Bench:
    """A task under examination.

    Args:
        task: Copied for each measurement, never run itself.
        train: The training split.
        seed: Of every draw.
        root: Locations are given relative to it.
        validation: The validation split, where there is one.
        settings: Thresholds that were set.
    """

    def __init__(
        self,
        task: Any,
        train: Examples,
        seed: int,
        root: Path | None = None,
        validation: Examples | None = None,
        settings: Settings | None = None,
    ):
        self.original, self.train, self.seed, self.root = task, train, seed, root
        self.validation, self.settings = validation, settings or Settings()
        self.measurements: dict[str, float] = {}
        self.attempted: Seen | None = None
        self.order = np.random.default_rng(key(seed, 1)).permutation(len(train.labels))

    def limit(self, name: str) -> float:
        """A threshold, by its name in `LIMITS`."""
        return self.settings.limit(name)

    def planned(self, name: str, otherwise: float | None = None) -> Any:
        """What the task's own `params.train` says under `name`, where it has such params."""
        return getattr(getattr(getattr(self.original, "params", None), "train", None), name, otherwise)

    @cached_property
    def aim(self) -> Aim:
        """What the task is to give."""
        if not self.train.spec.regression:
            return Classes(len(self.train.classes))
        statistics = statistics_of(self.train)
        return Numbers(statistics.target_mean, statistics.target_std)

    @cached_property
    def features(self) -> Callable[[np.ndarray], np.ndarray]:
        """From rows of the training split to float64 [n, F], standardised."""
        fitted = preparation(self.train.spec).fit(flat(self.train.inputs[self.order[:PREPARED]]))
        return lambda rows: np.asarray(fitted.transform(flat(self.train.inputs[rows])), np.float64)

    @cached_property
    def enough(self) -> float:
        """The error on the over-fitted batch that shows that a model can learn it."""
        rows = self.overfitted_rows
        columns = np.column_stack([np.ones(len(rows)), self.features(rows)])
        labels = self.train.labels[rows]
        fitted = columns @ np.linalg.lstsq(columns, self.aim.coded(labels), rcond=None)[0]
        outputs = torch.from_numpy(fitted).reshape(self.aim.shape(len(rows)))
        return max(self.limit("overfit_error"), ATTAINABLE * self.aim.error(outputs, torch.from_numpy(labels)))

    @property
    def device(self) -> torch.device:
        return next((p.device for p in self.original.parameters()), torch.device("cpu"))

    def copy(self, *, train: bool) -> Any:
        """A copy of the task, in train or eval mode, with the random state at its start."""
        task = copy.deepcopy(self.original)
        task.planned_steps = OVERFIT_STEPS
        reseed(self.device, key(self.seed, 2))
        return task.train(train)

    def rows(self, chosen: np.ndarray) -> Batch:
        """Inputs and labels of these examples as tensors of their own."""
        inputs = torch.tensor(self.train.inputs[chosen], device=self.device)
        return inputs, torch.tensor(self.train.labels[chosen], device=self.device)

    def batch(self, size: int = 64, number: int = 0) -> Batch:
        """Random examples: the `number`-th `size` of them in a fixed shuffled order."""
        return self.rows(np.resize(np.roll(self.order, -number * size), min(size, len(self.order))))

    @cached_property
    def overfitted_rows(self) -> np.ndarray:
        """Of `OVERFIT_BATCH` examples with the classes as equal as they can be: of one class any constant would fit."""
        return self.aim.spread_out(self.train.labels, self.order)[:OVERFIT_BATCH]

    @cached_property
    def balanced(self) -> Batch:
        """The batch to be over-fitted."""
        return self.rows(self.overfitted_rows)

    def watch(self, task: Any, batch: Batch, step: str = "training_step") -> Seen:
        """Run one step of `task` and say what was seen; where it raises, `attempted` holds what was seen before."""
        self.attempted = seen = Seen(torch.tensor(math.nan))

        def before(module: nn.Module, inputs: tuple) -> None:
            first = inputs[0] if inputs else None
            coded = isinstance(module, nn.Embedding)
            if seen.first_layer is None and isinstance(first, Tensor) and module is not task and not coded:
                seen.first_layer, seen.first_input = module, first.detach().clone()

        def after(module: nn.Module, inputs: tuple, output: Any) -> None:
            seen.outputs = output if isinstance(output, Tensor) else None
            seen.calls += 1
            seen.training = module.training

        def enter(module: nn.Module, inputs: tuple) -> None:
            if seen.entered is None and inputs and isinstance(inputs[0], Tensor) and inputs[0].is_floating_point():
                seen.entered = inputs[0].detach().clone()

        own = [module for module in task.modules() if any(p is not None for p in module._parameters.values())]
        handles = [module.register_forward_pre_hook(before) for module in own]
        handles += [module.register_forward_pre_hook(enter) for module in task.modules() if module is not task]
        handles.append(task.register_forward_hook(after))
        given = batch[0].clone(), batch[1].clone()
        try:
            with self._hearing(task) as heard, self._recorder(seen, batch):
                seen.loss = _loss(getattr(task, step)(given, 0))
            seen.logged = heard.values
        finally:
            for handle in handles:
                handle.remove()
        return seen

    def _recorder(self, seen: Seen, batch: Batch) -> Recorder:
        return Recorder(seen, self.aim.shape(len(batch[1])), batch[0].numel(), self.files)

    @cached_property
    def files(self) -> frozenset[str]:
        """The files that the task is written in: those of its class and of the classes it is made from."""
        found = set()
        for kind in type(self.original).__mro__:
            if kind.__module__.partition(".")[0] not in ("lightning", "torch", "builtins", "pytorch_lightning"):
                with suppress(TypeError):
                    found.add(inspect.getsourcefile(kind) or "")
        return frozenset(found - {""})

    @contextmanager
    def _hearing(self, task: Any) -> Iterator[Any]:
        """A step can run: a task that optimises by hand finds its optimisers."""
        with stepped(task, self.configured(task) if self.manual else Configured([])) as heard:
            yield heard

    @cached_property
    def trained(self) -> Seen:
        """A training step in train mode, as `fit` would take it."""
        return self.watch(self.copy(train=True), self.batch())

    @cached_property
    def plain(self) -> Seen:
        """A training step with every module in eval mode: no dropout, no batch statistics."""
        return self.watch(self.copy(train=False), self.batch())

    @cached_property
    def wide_batch(self) -> Batch:
        """256 examples, where there are as many."""
        return self.batch(256)

    @cached_property
    def widely(self) -> Seen:
        """As `plain`, over `wide_batch`."""
        return self.watch(self.copy(train=False), self.wide_batch)

    @cached_property
    def evaluated(self) -> Seen:
        """A validation step in eval mode, on the batch of `trained`."""
        with torch.no_grad():
            return self.watch(self.copy(train=False), self.batch(), "validation_step")

    def outputs(self, task: Any, inputs: Tensor) -> Tensor:
        """What the task gives for `inputs` in eval mode; the random state is that of a copy."""
        return self.given(task.eval(), inputs)

    def given(self, task: Any, inputs: Tensor) -> Tensor:
        """What the task gives for `inputs` in the mode that it is in; the random state is that of a copy."""
        reseed(self.device, key(self.seed, 2))
        with torch.no_grad():
            return task(inputs.clone())

    @property
    def manual(self) -> bool:
        """Whether the task optimises by hand."""
        return not getattr(self.original, "automatic_optimization", True)

    def configured(self, task: Any) -> Configured:
        """The optimisers and schedules of a copy.

        Raises:
            UserError: `configure_optimizers` returns another form.
        """
        return configured(task)

    def learn(self, batch: Batch, rate: float | None = None, loss: str = "own", steps: int = OVERFIT_STEPS) -> Course:
        """Train a copy on one batch over and over, until it is learnt.

        Args:
            batch: The batch.
            rate: None for the task's own optimiser, else Adam at this rate on the same parameters.
            loss: `own` for the task's training step, `reference` for the aim's loss of `self(inputs)`.
            steps: At most so many.
        """
        task = self.copy(train=True)
        own = self.configured(task)
        if rate is not None:
            chosen = [p for optimizer in own.optimizers for group in optimizer.param_groups for p in group["params"]]
            own = Configured([torch.optim.Adam(list({id(p): p for p in chosen}.values()), rate)])

        def loss_of(step: int) -> Tensor:
            reseed(self.device, key(self.seed, 3, step))
            if loss == "own":
                return _loss(task.training_step((batch[0].clone(), batch[1].clone()), step))
            return self.aim.loss(task(batch[0].clone()), batch[1])

        manual = self.manual and loss == "own"

        def error_of() -> float:
            return self.error(task, batch)

        return taken(task, own, loss_of, error_of, self.aim.learnt, self.enough, steps, manual)

    @cached_property
    def order_by_hand(self) -> Order:
        """What a task that optimises by hand does in the wrong order, over four steps; nothing for others."""
        if not self.manual:
            return Order()
        task = self.copy(train=True)
        return order_by_hand(task, self.configured(task), lambda i: task.training_step(self.batch(number=i), i), 4)

    def error(self, task: Any, batch: Batch) -> float:
        """The task's error on the batch in eval mode; 1 where outputs are not finite."""
        outputs = self.outputs(task, batch[0])
        if outputs.shape != self.aim.shape(len(batch[1])) or not bool(outputs.isfinite().all()):
            return 1.0
        return self.aim.error(outputs, batch[1])

    @cached_property
    def own_course(self) -> Course:
        """The balanced batch, trained on as the task says."""
        return self.learn(self.balanced)

    @cached_property
    def remedied(self) -> tuple[float, Course] | None:
        """The rate at which Adam learns the batch by the task's loss where the task's optimiser does not, if any."""
        if self.manual:
            return None
        for rate in (1e-3, 1e-2):
            course = self.learn(self.balanced, rate)
            if course.fitted:
                return rate, course
        return None

    @cached_property
    def reference_course(self) -> Course:
        """The balanced batch, trained on by the aim's loss of the outputs instead of the task's own."""
        return self.learn(self.balanced, 1e-3, "reference")

    @cached_property
    def learnt_plainly(self) -> tuple[Any, Batch]:
        """A copy that learnt plain examples by the aim's loss (20 passes over 512, Adam at 0.001), and 256 others.

        In eval mode throughout: no dropout, and no transforms that wait for train mode.
        """
        task = self.copy(train=False)
        optimizer = torch.optim.Adam([p for p in task.parameters() if p.requires_grad], 1e-3)
        known = min(512, len(self.order) * 2 // 3)
        for step in range(20 * max(1, known // 64)):
            inputs, labels = self.rows(self.order[:known][np.arange(step * 64, step * 64 + 64) % known])
            loss = self.aim.loss(task(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return task, self.rows(self.order[known : known + 256])

    def still(self, task: Any) -> Any:
        """The task in train mode, except for dropout and normalisation."""
        task.train()
        for module in task.modules():
            if isinstance(module, (*NORMALISERS, nn.modules.dropout._DropoutNd)):
                module.eval()
        return task

    def location(self, method: str) -> str | None:
        """`file:line` of a method of the task, relative to the root where it lies below."""
        found: Any = getattr(type(self.original), method, None)
        try:
            file, line = inspect.getsourcefile(found), inspect.getsourcelines(found)[1]
        except (TypeError, OSError):
            return None
        return self._at(file, line) if file and "lightning" not in Path(file).parts else None

    def place(self, seen: Seen | None, what: str, method: str) -> str | None:
        """`file:line` where a step called `what` (see `Seen.places`); of the method where that was not seen."""
        at = seen.places.get(what) if seen else None
        return self._at(*at) if at else self.location(method)

    def raised_at(self, error: BaseException) -> str | None:
        """`file:line` of the last line of the task's own files that an exception went through."""
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in self.files]
        return self._at(frames[-1].filename, frames[-1].lineno or 0) if frames else None

    def line(self, location: str | None) -> str:
        """The text of the line that a location names."""
        return self._lines.get(location or "", "")

    @cached_property
    def _lines(self) -> dict[str, str]:
        return {}

    def _at(self, file: str, line: int) -> str:
        shown = f"{self._shown(file)}:{line}"
        self._lines[shown] = source_line(Path(file), line)
        return shown

    def _shown(self, file: str) -> str:
        path = Path(file).resolve()
        if self.root and path.is_relative_to(self.root.resolve()):
            return path.relative_to(self.root.resolve()).as_posix()
        return "/".join(path.parts[-2:])  # never the whole path: reports must be the same bytes in every clone


def _loss(returned: Any) -> Tensor:
    """The loss out of what Lightning lets a step return."""
    loss = returned["loss"] if isinstance(returned, dict) else returned
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        kind = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise TypeError(f"the step must return the mean loss, one number; it returned {kind}")
    return loss.reshape(())


@contextmanager
def quiet() -> Iterator[None]:
    """Warnings of libraries during a measurement are not the program's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
