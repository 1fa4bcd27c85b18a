"""Sees each torch function on its way and keeps how tensors were made, by weak identity: no tensor lives longer."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import _disable_current_modes

from .fetching import of_heard
from .places import here
from .trace import Node

SAME = {
    "isub": "sub", "rsub": "rsub", "subtract": "sub", "iadd": "add", "radd": "add", "imul": "mul", "rmul": "mul",
    "multiply": "mul", "truediv": "div", "itruediv": "div", "divide": "div", "rtruediv": "rdiv", "rdiv": "rdiv",
    "rmatmul": "rmatmul", "ipow": "pow", "negative": "neg", "clip": "clamp", "special_softmax": "softmax",
    "special_log_softmax": "log_softmax", "special_expit": "sigmoid", "mm": "matmul", "arccos": "acos",
    "absolute": "abs", "int": "to_int", "long": "to_int", "byte": "to_int", "char": "to_int", "short": "to_int",
}  # fmt: skip
"""Different spellings of one operation."""

LARGEST_WINDOW = 20_000
"""Operations kept between two optimiser steps; a longer window is left as it is."""

LEAVING = frozenset({"numpy", "tolist", "item", "__array__", "__float__", "__int__", "__bool__", "__format__"})
"""Functions that give a tensor's values to Python or numpy."""

KEPT = (int, float, bool, str, type(None), torch.dtype)


def operation_name(func: Any) -> str:
    """The function's name without underscores; of a property, the property's."""
    name = getattr(func, "__name__", "")
    if name in ("__get__", "__set__"):
        name = getattr(getattr(func, "__self__", None), "__name__", "") + ("=" if name == "__set__" else "")
    name = name.strip("_")
    return SAME.get(name, name)


def in_place(func: Any) -> bool:
    """Whether a function changes its first argument."""
    name = getattr(func, "__name__", "")
    return (name.endswith("_") and not name.endswith("__")) or name in (
        "__isub__", "__iadd__", "__imul__", "__itruediv__", "__setitem__",
    )  # fmt: skip


def tensors_in(values: Any) -> list[Tensor]:
    """The tensors among arguments, in order, in lists and tuples too."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple) and len(value) < 10_000:
            found += [item for item in value if isinstance(item, Tensor)]
    return found


def leaf(tensor: Tensor) -> bool:
    """Whether no operation made a tensor.

    A view that was made under no_grad refuses to say so once its base was changed; `nn.Embedding(padding_idx=0)` makes
    such a view of its weights. It is no leaf.
    """
    try:
        return tensor.is_leaf
    except RuntimeError:
        return False


@contextmanager
def unseen() -> Iterator[None]:
    """What is done inside is seen by no mode of the program's own, and keeps no gradient."""
    with torch._C.DisableTorchFunction(), torch.no_grad():
        if not torch._C._len_torch_dispatch_stack():
            yield
            return
        with _disable_current_modes():
            yield


class Table:
    """Which node a tensor is, for as long as the tensor lives.

    Attributes:
        functional: Whether the program has used no module yet: a leaf that wants a gradient is then a parameter,
            however it was made.
    """

    def __init__(self) -> None:
        self.functional = True
        self._nodes: dict[int, tuple[weakref.ref, Node]] = {}
        self._old: frozenset[int] = frozenset()

    def get(self, tensor: Tensor) -> Node | None:
        entry = self._nodes.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    def set(self, tensor: Tensor, node: Node) -> Node:
        self._nodes[id(tensor)] = (weakref.ref(tensor), node)
        return node

    def of(self, tensor: Tensor) -> Node:
        """The tensor's node; a leaf is made for one that was not seen being made."""
        node = self.get(tensor)
        wants = tensor.requires_grad
        own = self.functional and wants and node is not None and node.name != "parameter" and leaf(tensor)
        own = own and not (node and node.layers)  # a loss that was told to want one
        if node is not None and not own and (node.name != "parameter" or node.wants_gradient == wants):
            return node
        named = leaf(tensor) and (wants or isinstance(tensor, torch.nn.Parameter))
        name = "parameter" if named else "unseen" if wants else "data"
        made = Node(name, (), tuple(tensor.shape), _dtype(tensor), wants, key=id(tensor) if name == "parameter" else 0)
        return self.set(tensor, made)

    def forget(self, keep: bool = False) -> None:
        """Let go of everything; leaves are made again when they are met.

        Args:
            keep: Keep what a gradient can still go through once more: of two optimisers the second may need it.
        """
        alive = ((key, entry, entry[0]()) for key, entry in self._nodes.items()) if keep else ()
        alive = {k: e for k, e, t in alive if t is not None and t.grad_fn is not None and k not in self._old}
        self._nodes, self._old = alive, frozenset(alive)

    def __len__(self) -> int:
        return len(self._nodes)


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


class Operations(TorchFunctionMode):
    """Gives each operation of the person's thread to the recorder, after it was done.

    Args:
        recorder: Has `table`, `listening()`, `current_calls`, `module`, `operation(...)` and `failed(error)`.
    """

    def __init__(self, recorder: Any):
        super().__init__()
        self.recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        recorder = self.recorder
        if not recorder.listening():
            return func(*args, **kwargs)
        try:
            result = func(*args, **kwargs)
        except Exception:
            recorder.broken(operation_name(func), args, kwargs)
            raise
        try:
            if isinstance(result, Tensor | tuple | list) or result is None:
                with unseen():
                    note(recorder, func, args, kwargs, result)
            if args and isinstance(args[0], Tensor) and getattr(func, "__name__", "") in LEAVING:
                recorder.calling.shown(args[0])
        except Exception as error:  # the program must not suffer
            recorder.failed(error)
        return result


def note(recorder: Any, func: Any, args: tuple, kwargs: dict, result: Any) -> None:
    """Keep how `result` was made."""
    name = operation_name(func)
    table = recorder.table
    if result is None:
        if name == "setitem" and isinstance(args[0], Tensor):
            result = args[0]
        elif name == "grad=":
            recorder.gradient_set(args[0], args[1])
            return
        else:
            return
    results = [result] if isinstance(result, Tensor) else [r for r in result if isinstance(r, Tensor)]
    if any(torch._C._functorch.is_functorch_wrapped_tensor(r) for r in results):
        return  # inside torch.func: values there are not the program's own
    if not results or name in ("grad_fn",) or len(table) > LARGEST_WINDOW:
        return
    given = tensors_in([*args, *kwargs.values()])
    inputs = of_heard(name, tuple(table.of(tensor) for tensor in given))
    options = {str(i): v for i, v in enumerate(args) if _kept(v)}
    options |= {k: v for k, v in kwargs.items() if _kept(v)}
    calls = frozenset().union(recorder.current_calls, *(node.calls for node in inputs))
    place = here(3)
    changed = in_place(func)
    for number, tensor in enumerate(results):
        own = "arg" + name if number == 1 and name in ("max", "min", "topk", "sort") else name
        if changed and tensor.requires_grad and leaf(tensor):
            recorder.leaf_changed(own, tensor, inputs, options)
            continue
        node = Node(
            own, inputs, tuple(tensor.shape), _dtype(tensor), tensor.requires_grad, place, dict(options), {}, calls,
            recorder.module,
        )  # fmt: skip
        table.set(tensor, node)
        recorder.operation(node, given, kwargs, tensor, changed, args[0] if args else None)


def _kept(value: Any) -> bool:
    if isinstance(value, tuple | list | torch.Size):
        return len(value) < 8 and all(isinstance(item, int | float | type(None)) for item in value)
    if isinstance(value, slice):
        return False
    return isinstance(value, KEPT)
