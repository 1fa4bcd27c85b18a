"""What the checks work on: copies of a task, batches, watched steps. The task that was given is never touched."""

import copy
import math
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..data.loading import Examples
from ..data.statistics import statistics_of
from ..training.fit import optimizer_and_scheduler
from ..training.listening import listening
from ..training.randomness import key, reseed
from .aims import Aim, Classes, Numbers
from .features import flat, preparation

Batch = tuple[Tensor, Tensor]

NORMALISERS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
OVERFIT_BATCH, OVERFIT_STEPS, OVERFIT_ERROR = 32, 300, 0.1
"""One batch must be learnt: at most 3 of 32 wrong, or a tenth of its variance unexplained, after 300 steps. LeNet,
ResNet, MLP and the linear model on digits, with plain SGD at 0.1, Adam at 3e-4 to 1e-2, batch or group norm or dropout
0.5, all reach it (`tests/test_diagnosis_examine.py`)."""

ATTAINABLE = 1.5
"""Times what least squares leave of the batch: 10 columns cannot explain 32 targets whatever the training."""

PREPARED = 1000
"""Examples that least squares and nearest neighbours look at."""

SCORED = (F.cross_entropy, F.nll_loss, F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss)
DIFFERENCES = ("sub", "__sub__", "rsub", "__rsub__", "subtract")


@dataclass
class Seen:
    """What one step showed.

    Attributes:
        loss: What it returned.
        outputs: What `self(inputs)` gave last, None when it was not called.
        calls: How often it was called.
        first_layer: The first module with parameters that got floating numbers (an embedding gets codes), None when
            there is none.
        first_input: What reached it.
        entered: What reached the first module of all, before it may have filled what is absent (NaN).
        scores: What the loss function got, with the function's name (`cross_entropy`, `mse_loss`, ...), None for
            others.
        targets: The labels that it got.
        broadcast: Shapes of outputs and targets that were subtracted, [n, 1] and [n], which makes [n, n].
        softmax_dims: Dimensions, counted from 0, of softmaxes over tensors of the outputs' shape.
        dropped: Whether dropout was at work.
    """

    loss: Tensor
    outputs: Tensor | None = None
    calls: int = 0
    first_layer: nn.Module | None = None
    first_input: Tensor | None = None
    entered: Tensor | None = None
    scores: tuple[str, Tensor] | None = None
    targets: Tensor | None = None
    broadcast: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    softmax_dims: list[int] = field(default_factory=list)
    dropped: bool = False


class _Recorder(TorchFunctionMode):
    """Sees the calls of losses, softmaxes and dropout on their way through torch."""

    def __init__(self, seen: Seen, shape: tuple[int, ...]):
        super().__init__()
        self.seen, self.shape = seen, shape

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if func in SCORED:
            scores = args[0] if args else kwargs["input"]
            targets = args[1] if len(args) > 1 else kwargs["target"]
            self.seen.scores, self.seen.targets = (name, scores.detach()), targets.detach()
            self._compare(scores, targets)
        elif name in DIFFERENCES and len(args) > 1 and all(isinstance(side, Tensor) for side in args[:2]):
            # Of outputs and targets one alone wants a gradient; differences within one of them may be meant.
            if args[0].requires_grad != args[1].requires_grad:
                self._compare(args[0], args[1])
        elif name in ("softmax", "log_softmax"):
            scores = args[0] if args else kwargs["input"]
            dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
            if isinstance(dim, int) and tuple(scores.shape) == self.shape:
                self.seen.softmax_dims.append(dim % 2)
        elif name.endswith("dropout") or name in ("dropout1d", "dropout2d", "dropout3d"):
            self.seen.dropped |= (
                bool(kwargs.get("training", args[2] if len(args) > 2 else True)) and self._rate(args, kwargs) > 0
            )
        return func(*args, **kwargs)

    def _compare(self, first: Tensor, second: Tensor) -> None:
        shapes = tuple(first.shape), tuple(second.shape)
        n = self.shape[0]
        if n > 1 and set(shapes) == {(n,), (n, 1)}:
            self.seen.broadcast = shapes

    @staticmethod
    def _rate(args: tuple, kwargs: dict) -> float:
        rate = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
        return float(rate) if isinstance(rate, int | float) else 0.0


@dataclass(frozen=True)
class Course:
    """What happened while one batch was trained on.

    Attributes:
        losses: Of each step, as the task computes it.
        error: At the end, in eval mode, on the batch; 1.0 where the outputs are not finite.
        enough: The error from which on the batch counts as learnt.
        moved: Names of the parameters that had a gradient other than zero at any step.
        not_finite: Names of the parameters whose gradient was not finite at the first step where any was not.
        task: The copy, as training left it.
    """

    losses: tuple[float, ...]
    error: float
    enough: float
    moved: frozenset[str]
    not_finite: tuple[str, ...]
    task: Any

    @property
    def fitted(self) -> bool:
        return self.error <= self.enough

    @property
    def shape(self) -> str:
        """How the loss went: not-finite, explodes, rises, oscillates, plateaus or falls."""
        losses = np.array(self.losses)
        if not np.isfinite(losses).all():
            return "not-finite"
        first, last = losses[0], losses[-len(losses) // 5 :]
        scale = max(abs(first), 1e-3)
        if losses.max() > first + 9 * scale:
            return "explodes"
        if last.mean() > first + 0.1 * scale:
            return "rises"
        if last.std() > 0.25 * scale:
            return "oscillates"
        return "falls" if last.mean() < first - 0.1 * scale else "plateaus"


class Bench:
    """A task under examination.

    Args:
        task: Copied for each measurement, never run itself.
        train: The training split.
        seed: Of every draw.
        root: Locations are given relative to it.
    """

    def __init__(self, task: Any, train: Examples, seed: int, root: Path | None = None):
        self.original, self.train, self.seed, self.root = task, train, seed, root
        self.measurements: dict[str, float] = {}
        self.order = np.random.default_rng(key(seed, 1)).permutation(len(train.labels))

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
        return max(OVERFIT_ERROR, ATTAINABLE * self.aim.error(outputs, torch.from_numpy(labels)))

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
        """Run one step of `task` and say what was seen."""
        seen = Seen(torch.tensor(math.nan))

        def before(module: nn.Module, inputs: tuple) -> None:
            first = inputs[0] if inputs else None
            coded = isinstance(module, nn.Embedding)
            if seen.first_layer is None and isinstance(first, Tensor) and module is not task and not coded:
                seen.first_layer, seen.first_input = module, first.detach().clone()

        def after(module: nn.Module, inputs: tuple, output: Any) -> None:
            seen.outputs = output if isinstance(output, Tensor) else None
            seen.calls += 1

        def enter(module: nn.Module, inputs: tuple) -> None:
            if seen.entered is None and inputs and isinstance(inputs[0], Tensor) and inputs[0].is_floating_point():
                seen.entered = inputs[0].detach().clone()

        own = [module for module in task.modules() if any(p is not None for p in module._parameters.values())]
        handles = [module.register_forward_pre_hook(before) for module in own]
        handles += [module.register_forward_pre_hook(enter) for module in task.modules() if module is not task]
        handles.append(task.register_forward_hook(after))
        try:
            with listening(task), _Recorder(seen, self.aim.shape(len(batch[1]))):
                seen.loss = _loss(getattr(task, step)((batch[0].clone(), batch[1].clone()), 0))
        finally:
            for handle in handles:
                handle.remove()
        return seen

    @cached_property
    def trained(self) -> Seen:
        """A training step in train mode, as `fit` would take it."""
        return self.watch(self.copy(train=True), self.batch())

    @cached_property
    def plain(self) -> Seen:
        """A training step with every module in eval mode: no dropout, no batch statistics."""
        return self.watch(self.copy(train=False), self.batch())

    @cached_property
    def evaluated(self) -> Seen:
        """A validation step in eval mode, on the batch of `trained`."""
        with torch.no_grad():
            return self.watch(self.copy(train=False), self.batch(), "validation_step")

    def outputs(self, task: Any, inputs: Tensor) -> Tensor:
        """What the task gives for `inputs` in eval mode; the random state is that of a copy."""
        reseed(self.device, key(self.seed, 2))
        with torch.no_grad():
            return task.eval()(inputs.clone())

    def optimiser(self, task: Any) -> tuple[torch.optim.Optimizer, Any]:
        return optimizer_and_scheduler(task.configure_optimizers())

    def learn(self, batch: Batch, rate: float | None = None, loss: str = "own", steps: int = OVERFIT_STEPS) -> Course:
        """Train a copy on one batch over and over, until it is learnt.

        Args:
            batch: The batch.
            rate: None for the task's own optimiser, else Adam at this rate on the same parameters.
            loss: `own` for the task's training step, `reference` for the aim's loss of `self(inputs)`.
            steps: At most so many.
        """
        task = self.copy(train=True)
        optimizer, scheduler = self.optimiser(task)
        if rate is not None:
            chosen = [p for group in optimizer.param_groups for p in group["params"]]
            optimizer, scheduler = torch.optim.Adam(chosen, rate), None
        names = [(name, p) for name, p in task.named_parameters() if p.requires_grad]
        losses: list[float] = []
        moved: set[str] = set()
        not_finite: tuple[str, ...] = ()
        error = 1.0
        with listening(task):
            for step in range(steps):
                reseed(self.device, key(self.seed, 3, step))
                task.train()
                value = (
                    _loss(task.training_step((batch[0].clone(), batch[1].clone()), step))
                    if loss == "own"
                    else self.aim.loss(task(batch[0].clone()), batch[1])
                )
                losses.append(float(value.detach()))
                if not math.isfinite(losses[-1]):
                    error = 1.0
                    break
                optimizer.zero_grad()
                value.backward()
                if step < 5 or step % 20 == 0:
                    moved |= {name for name, p in names if p.grad is not None and bool(p.grad.count_nonzero())}
                    bad = tuple(name for name, p in names if p.grad is not None and not bool(p.grad.isfinite().all()))
                    if bad:
                        not_finite = bad
                        break
                optimizer.step()
                if scheduler is not None:
                    scheduler.step()
                if step % 10 == 9:
                    error = self.error(task, batch)
                    if self.aim.learnt(error):
                        break
        return Course(tuple(losses), error, self.enough, frozenset(moved), not_finite, task)

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
        import inspect

        found: Any = getattr(type(self.original), method, None)
        try:
            file, line = inspect.getsourcefile(found), inspect.getsourcelines(found)[1]
        except (TypeError, OSError):
            return None
        return f"{self._shown(file)}:{line}" if file and "lightning" not in Path(file).parts else None

    def raised_at(self, error: BaseException) -> str | None:
        """`file:line` of the last line of the task's own file that an exception went through."""
        import inspect

        try:
            own = inspect.getsourcefile(type(self.original))
        except TypeError:
            return None
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own]
        return f"{self._shown(own)}:{lines[-1]}" if own and lines else None

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
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
