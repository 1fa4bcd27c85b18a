"""What a program leaves behind, as digests: random states, every module and optimiser that it made, its variables.

Put into the process before the program runs, with the doctor or without; both runs must give the same.
"""

import hashlib
import json
import pickle
import random
import sys
from pathlib import Path
from typing import Any

MADE: dict[str, list[Any]] = {"modules": [], "optimisers": []}
"""In the order in which the program made them; kept alive to the end."""


def keep_all() -> None:
    """From now on keep every module and optimiser that is made; copies are made otherwise and do not count.

    What a program does not seed itself starts from the same seed in every run.
    """
    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    for kind, name in ((torch.nn.Module, "modules"), (torch.optim.Optimizer, "optimisers")):
        _keep(kind, MADE[name])


def _keep(kind: type, made: list[Any]) -> None:
    original = kind.__init__

    def __init__(this: Any, *args: Any, **options: Any) -> None:  # noqa: N807
        made.append(this)
        original(this, *args, **options)

    kind.__init__ = __init__


def write(file: Path) -> None:
    """Write the digests of the process's state."""
    import numpy as np
    import torch

    state = {
        "random": {
            "torch": _digest(torch.get_rng_state()),
            "numpy": _digest(np.random.get_state()),
            "python": _digest(random.getstate()),
        },
        "modules": [_digest(_module(module)) for module in MADE["modules"]],
        "optimisers": [_digest(_optimiser(optimiser)) for optimiser in MADE["optimisers"]],
        "variables": {
            name: _digest(value)
            for name, value in vars(sys.modules["__main__"]).items()
            if isinstance(value, torch.Tensor | np.ndarray | float | int | str | list | dict) and name[0] != "_"
        },
    }
    file.write_text(json.dumps(state))


def _module(module: Any) -> Any:
    """Of this module alone: its parameters with their gradients, buffers, modes and hooks."""
    own = {
        name: (p, p.requires_grad, p.grad) for name, p in getattr(module, "_parameters", {}).items() if p is not None
    }
    hooks = [len(value) for name, value in sorted(vars(module).items()) if name.endswith("_hooks")]
    return type(module).__name__, own, getattr(module, "_buffers", None), getattr(module, "training", None), hooks


def _optimiser(optimiser: Any) -> Any:
    return type(optimiser).__name__, optimiser.state_dict()


def _digest(value: Any) -> str:
    return hashlib.sha256(_bytes(value)).hexdigest()[:16]


def _bytes(value: Any) -> bytes:
    """Equal where the values are equal bit for bit; what is neither number, text nor tensor counts by its type."""
    import numpy as np
    import torch

    if isinstance(value, torch.Tensor):
        values = value.detach().cpu().contiguous()
        return f"{values.dtype}{tuple(values.shape)}".encode() + values.flatten().view(torch.uint8).numpy().tobytes()
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}".encode() + (b"" if value.dtype == object else value.tobytes())
    if isinstance(value, dict):
        return b"{" + b",".join(_bytes(key) + b":" + _bytes(inner) for key, inner in value.items()) + b"}"
    if isinstance(value, list | tuple):
        return b"[" + b",".join(_bytes(inner) for inner in value) + b"]"
    if isinstance(value, float | int | str | bytes | bool | type(None)):
        return pickle.dumps(value, protocol=4)
    return type(value).__name__.encode()
