"""Sees what one step of a task does: what its layers, activations, normalisations and losses get and give.

Knows torch alone: the step is run by `Bench.watch`.
"""

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

CLASS_LOSSES = {F.cross_entropy: "cross_entropy", F.nll_loss: "nll_loss"}
BINARY_LOSSES = {
    F.binary_cross_entropy: "binary_cross_entropy",
    F.binary_cross_entropy_with_logits: "binary_cross_entropy_with_logits",
}
NUMBER_LOSSES = {
    F.mse_loss: "mse_loss",
    F.l1_loss: "l1_loss",
    F.smooth_l1_loss: "smooth_l1_loss",
    F.huber_loss: "huber_loss",
}
SCORED = {**CLASS_LOSSES, **BINARY_LOSSES, **NUMBER_LOSSES}
DIFFERENCES = ("sub", "__sub__", "rsub", "__rsub__", "subtract")
RECTIFIERS = ("relu", "relu_", "relu6")
FLAT = {"tanh": 0.99, "sigmoid": 0.99, "tanh_": 0.99, "sigmoid_": 0.99}
"""Activations with flat ends: beyond this share of their range the slope is under 4 % (tanh: 2 %) of its largest."""
LAYERS = ("linear", "conv1d", "conv2d", "conv3d", "matmul", "__matmul__", "mm")
CLAMPS = ("clamp", "clamp_", "clip", "clip_", "clamp_max", "clamp_max_", "minimum")
CASTS = ("to", "type", "byte", "char", "short", "int", "long", "floor_divide", "__floordiv__", "div", "__idiv__")
WHOLE = ("add", "radd", "iadd", "sub", "rsub", "isub", "mul", "rmul", "imul", "pow", "ipow", "square", "neg")
VIEWS = frozenset(
    {
        "View",
        "UnsafeView",
        "ReshapeAlias",
        "Squeeze",
        "Unsqueeze",
        "T",
        "Transpose",
        "Permute",
        "Select",
        "Slice",
        "ToCopy",
        "Clone",
        "Alias",
        "Expand",
        "AsStrided",
        "NativeDropout",
    }
)
LINEAR_BETWEEN = VIEWS | {"AvgPool1D", "AvgPool2D", "AvgPool3D", "AdaptiveAvgPool1D", "AdaptiveAvgPool2D", "Mean"}
NORMS = frozenset({"NativeBatchNorm", "CudnnBatchNorm", "BatchNorm", "MiopenBatchNorm"})  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """A dense layer or a convolution, as one call of it was seen.

    Attributes:
        weight: The parameter.
        grouped: Whether each output sees only some of the channels, as in a depthwise convolution.
        sizes: Inputs and outputs, counted in channels or units.
        bias: Whether it adds one.
        gain: Standard deviation of what it gives over the root mean square of what it gets.
        source: The operation that made its input, None for data.
        result: The operation that made its output.
    """

    weight: Tensor
    grouped: bool
    sizes: tuple[int, int]
    bias: bool
    gain: float
    source: Any
    result: Any


@dataclass(frozen=True)
class Norm:
    """A call of batch norm.

    Attributes:
        examples: In the batch.
        training: Whether it used the batch's statistics.
        source: The operation that made its input.
        shift: Median over channels of the distance of the batch's mean from the running one, in running deviations;
            NaN where there is none or it is fresh.
        scale: Median over channels of the batch's standard deviation over the running one; NaN likewise.
    """

    examples: int
    training: bool
    source: Any
    shift: float
    scale: float


@dataclass(frozen=True)
class Activation:
    """A call of an activation.

    Attributes:
        kind: relu, tanh or sigmoid.
        units: How many channels or units it has.
        dead: Share of the units that no example turned on; of a rectifier.
        saturated: Share of the values at a flat end; of the others.
    """

    kind: str
    units: int
    dead: float
    saturated: float


@dataclass
class Seen:
    """What one step showed.

    Attributes:
        loss: What it returned.
        outputs: What `self(inputs)` gave last, None when it was not called.
        calls: How often it was called.
        training: The task's mode when it was called, None when it was not.
        first_layer: The first module with parameters that got floating numbers (an embedding gets codes), None when
            there is none.
        first_input: What reached it.
        entered: What reached the first module of all, before it may have filled what is absent (NaN).
        scores: What the loss function got, with the function's name (`cross_entropy`, `mse_loss`, ...), None for
            others.
        scores_from: The operation that made these, views left aside: `Softmax`, `Relu`, ...; empty for none.
        targets: The labels that it got.
        broadcast: Shapes of outputs and targets that were subtracted, [n, 1] and [n], which makes [n, n].
        softmax_dims: Dimensions, counted from 0, of softmaxes over tensors of the outputs' shape.
        dropped: Whether dropout was at work.
        clipped: Largest share of the losses that a clamp changed.
        cast: How inputs lost by whole numbers, `overflow` or `truncation`, with the measured loss.
        layers, norms, activations: What was called, in order.
        logged: What the task gave to `self.log`, by name.
        places: File and line of the task's own code that called the loss, a softmax, a dropout, a clamp, a cast.
    """

    loss: Tensor
    outputs: Tensor | None = None
    calls: int = 0
    training: bool | None = None
    first_layer: torch.nn.Module | None = None
    first_input: Tensor | None = None
    entered: Tensor | None = None
    scores: tuple[str, Tensor] | None = None
    scores_from: str = ""
    targets: Tensor | None = None
    broadcast: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    softmax_dims: list[int] = field(default_factory=list)
    dropped: bool = False
    clipped: float = 0.0
    cast: tuple[str, float] | None = None
    layers: list[Layer] = field(default_factory=list)
    norms: list[Norm] = field(default_factory=list)
    activations: list[Activation] = field(default_factory=list)
    logged: dict[str, list[Any]] = field(default_factory=dict)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)


def _plain(name: str) -> str:
    """`add` of `__add__` and `add_`."""
    return name.strip("_")


def made_by(operation: Any) -> str:
    """The name of an operation of the graph: `Relu` of `ReluBackward0`."""
    return "" if operation is None else operation.name().rsplit("::", 1)[-1].partition("Backward")[0]


def origin(tensor: Tensor, through: frozenset[str] = VIEWS) -> Any:
    """The operation that made a tensor's values, past those that only show them otherwise."""
    return past(tensor.grad_fn, through)


def past(operation: Any, through: frozenset[str] = VIEWS) -> Any:
    """An operation, or the first one before it that is not among `through`."""
    while operation is not None and made_by(operation) in through and operation.next_functions:
        operation = operation.next_functions[0][0]
    return operation


class Recorder(TorchFunctionMode):
    """Sees the calls of a step on their way through torch.

    Args:
        seen: Is filled.
        shape: Of the outputs for the batch.
        inputs: Numbers in the batch's inputs: tensors of as many are inputs on their way.
        files: The task's own files, for `places`.
    """

    def __init__(self, seen: Seen, shape: tuple[int, ...], inputs: int, files: frozenset[str] = frozenset()):
        super().__init__()
        self.seen, self.shape, self.inputs, self.files = seen, shape, inputs, files

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        self._before(func, name, args, kwargs)
        given = args[0] if args else kwargs.get("input")
        whole = isinstance(given, Tensor) and _plain(name) in WHOLE and self._is_inputs(given)
        in_place = name.endswith("_") and (not name.endswith("__") or name.startswith("__i"))
        kept = given.clone() if whole and in_place else given
        result = func(*args, **kwargs)
        if isinstance(kept, Tensor) and isinstance(result, Tensor):
            self._after(func, name, kept, args, kwargs, result)
        return result

    def _before(self, func: Any, name: str, args: tuple, kwargs: dict) -> None:
        if func in SCORED:
            scores = args[0] if args else kwargs["input"]
            targets = args[1] if len(args) > 1 else kwargs["target"]
            self.seen.scores, self.seen.targets = (SCORED[func], scores.detach()), targets.detach()
            self.seen.scores_from = made_by(origin(scores))
            self._place("loss")
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
                self._place("softmax")
        elif name.endswith("dropout") or name in ("dropout1d", "dropout2d", "dropout3d"):
            at_work = bool(kwargs.get("training", args[2] if len(args) > 2 else True))
            if at_work and self._rate(args, kwargs) > 0:
                self.seen.dropped = True
                self._place("dropout")

    def _after(self, func: Any, name: str, given: Tensor, args: tuple, kwargs: dict, result: Tensor) -> None:
        if name in LAYERS:
            self._layer(name, given, args, kwargs, result)
        elif name == "batch_norm":
            self.seen.norms.append(_norm(given, args, kwargs))
        elif name in RECTIFIERS or name in FLAT:
            self.seen.activations.append(_activation(name, result.detach()))
        elif name in CLAMPS and given.requires_grad:
            loss = given.numel() == 1 or (self.seen.scores is not None and given.numel() == self.shape[0])
            if loss and result.shape == given.shape:
                changed = float((result.detach() != given.detach()).double().mean())
                if changed > self.seen.clipped:
                    self.seen.clipped = changed
                    self._place("clamp")
        elif self._is_inputs(given) and result.shape == given.shape:
            lost = _lost(name, given, args, kwargs, result, func)
            if lost and (self.seen.cast is None or lost[1] > self.seen.cast[1]):
                self.seen.cast = lost
                self._place("cast")

    def _place(self, what: str) -> None:
        """Remember the innermost line of the task's own files that led here."""
        frame = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename not in self.files:
            frame = frame.f_back
        if frame is not None:
            self.seen.places[what] = (frame.f_code.co_filename, frame.f_lineno)

    def _is_inputs(self, given: Tensor) -> bool:
        return given.numel() == self.inputs > self.shape[0] and len(given) == self.shape[0] and not given.requires_grad

    def _layer(self, name: str, given: Tensor, args: tuple, kwargs: dict, result: Tensor) -> None:
        weight = args[1] if len(args) > 1 else kwargs.get("weight")
        if not isinstance(weight, Tensor) or weight.ndim < 2 or not given.is_floating_point():
            return
        multiplied = name not in ("linear", "conv1d", "conv2d", "conv3d")
        if multiplied and not (weight.is_leaf and weight.requires_grad and weight.ndim == 2):
            return
        bias = args[2] if len(args) > 2 else kwargs.get("bias")
        out, into = (weight.shape[1], weight.shape[0]) if multiplied else (weight.shape[0], weight.shape[1])
        rms = float(given.detach().double().square().mean().sqrt())
        gain = float(result.detach().double().std()) / rms if rms > 0 and result.numel() > 1 else math.nan
        grouped = name.startswith("conv") and given.ndim == weight.ndim and given.shape[1] != weight.shape[1]
        result_by, source = origin(result), origin(given, LINEAR_BETWEEN)
        self.seen.layers.append(
            Layer(weight, grouped, (int(into), int(out)), isinstance(bias, Tensor), gain, source, result_by)
        )

    def _compare(self, first: Tensor, second: Tensor) -> None:
        shapes = tuple(first.shape), tuple(second.shape)
        n = self.shape[0]
        if n > 1 and set(shapes) == {(n,), (n, 1)}:
            self.seen.broadcast = shapes
            self._place("broadcast")

    @staticmethod
    def _rate(args: tuple, kwargs: dict) -> float:
        rate = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
        return float(rate) if isinstance(rate, int | float) else 0.0


def _activation(name: str, values: Tensor) -> Activation:
    kind = name.rstrip("_").rstrip("6")
    by_unit = values.transpose(0, 1).flatten(1) if values.ndim > 1 else values[None]
    if name in RECTIFIERS:
        return Activation(kind, len(by_unit), float((by_unit <= 0).all(1).double().mean()), 0.0)
    centred = (values.double() - 0.5) * 2 if kind == "sigmoid" else values.double()
    return Activation(kind, len(by_unit), 0.0, float((centred.abs() > FLAT[name]).double().mean()))


def _norm(given: Tensor, args: tuple, kwargs: dict) -> Norm:
    names = ("input", "running_mean", "running_var", "weight", "bias", "training")
    asked = dict(zip(names, args, strict=False)) | kwargs
    mean, var, training = asked.get("running_mean"), asked.get("running_var"), bool(asked.get("training"))
    shift = scale = math.nan
    if isinstance(mean, Tensor) and isinstance(var, Tensor) and (bool(mean.any()) or bool((var != 1).any())):
        channels = given.detach().transpose(0, 1).flatten(1).double()
        known = var.double().clamp_min(1e-12).sqrt()
        if channels.shape[1] > 1:
            shift = float(((channels.mean(1) - mean.double()) / known).abs().median())
            scale = float((channels.std(1) / known).median())
    return Norm(len(given), training, origin(given), shift, scale)


def _lost(name: str, given: Tensor, args: tuple, kwargs: dict, result: Tensor, func: Any) -> tuple[str, float] | None:
    """How much whole numbers lost of the inputs: the share that overflowed, or the mean change in deviations."""
    if name in CASTS and not result.is_floating_point() and result.dtype != torch.bool:
        exact = given.double()
        if name in ("floor_divide", "__floordiv__", "div", "__idiv__"):
            by = args[1] if len(args) > 1 else kwargs.get("other")
            exact = exact / by if isinstance(by, int | float | Tensor) else exact
        elif not given.is_floating_point():
            return None
        spread = float(exact.nan_to_num().std())
        change = float((exact - result.double()).abs().nan_to_num().mean())
        return ("truncation", change / spread) if spread > 0 else None
    if _plain(name) not in WHOLE:
        return None
    if result.is_floating_point() or result.dtype in (torch.int64, torch.bool):
        return None
    other = [each.long() if isinstance(each, Tensor) and not each.is_floating_point() else each for each in args[1:]]
    try:
        exact = getattr(torch.Tensor, _plain(name).lstrip("i") if name.startswith("__i") else name)(
            given.long(), *other, **kwargs
        )
    except (RuntimeError, TypeError, AttributeError):
        return None
    wrong = float((exact != result).double().mean()) if exact.shape == result.shape else 0.0
    return ("overflow", wrong) if wrong else None


def leaves(loss: Tensor) -> Iterator[Tensor]:
    """The tensors that a loss is differentiated by, parameters mostly."""
    left, seen = [loss.grad_fn], set()
    while left:
        node: Any = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            yield node.variable
        left += [following for following, _ in node.next_functions]
