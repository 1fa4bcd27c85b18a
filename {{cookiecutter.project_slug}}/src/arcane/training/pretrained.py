"""Starts a task from the weights of a model that was saved before: in this project, or in another.

What fits by name and shape is taken; the layer that makes the outputs is taken only where it means the same; the
normalisation that the weights were trained with comes along.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..files import read_json
from ..spec import Spec, Statistics
from .inference import DESCRIPTION, WEIGHTS

logger = logging.getLogger("arcane.training")

SHOWN = 5
NORMALISATION = ("mean", "std")


class Pretrained:
    """A saved model's weights, with what they were trained on.

    Args:
        folder: Holds `weights.safetensors` and `model.json`.

    Raises:
        UserError: A file is missing or damaged.
    """

    def __init__(self, folder: Path):
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        self.folder = Path(folder)
        description = read_json(self.folder / DESCRIPTION)
        try:
            self.spec = Spec.from_json(description)
            self.statistics = Statistics.from_json(description["normalisation"])
            self.tensors = load_file(self.folder / WEIGHTS)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{self.folder / DESCRIPTION}: not a saved model's description ({error})") from None
        except (FileNotFoundError, SafetensorError) as error:
            raise UserError(
                f"{self.folder / WEIGHTS}: missing or damaged ({error}); model.pretrained needs a folder with a saved "
                "model"
            ) from None

    def normalisation(self, own: Statistics, spec: Spec) -> Statistics:
        """The statistics of a task that starts from these weights: theirs for the inputs, and for the targets where
        they estimated the same.

        Args:
            own: Of the task's training split.
            spec: Of the task.

        Raises:
            UserError: The weights read another kind of example.
        """
        if self.spec.modality != spec.modality or len(self.statistics.mean) != len(own.mean):
            raise UserError(
                f"model.pretrained: {self.folder} reads {self.spec.modality} data of shape {list(self.spec.shape)}, "
                f"this project has {spec.modality} data of shape {list(spec.shape)}"
            )
        if self.spec.features != spec.features:
            different = [a.name for a, b in zip(spec.features, self.spec.features, strict=False) if a != b]
            raise UserError(
                f"model.pretrained: {self.folder} reads other columns; different here: {', '.join(different[:SHOWN])}"
            )
        taken = replace(own, mean=self.statistics.mean, std=self.statistics.std)
        if self.same_outputs(spec):
            taken = replace(taken, target_mean=self.statistics.target_mean, target_std=self.statistics.target_std)
        return taken

    def same_outputs(self, spec: Spec) -> bool:
        """Whether the outputs mean the same: the same classes in the same order, or the same target."""
        return (self.spec.classes, self.spec.target) == (spec.classes, spec.target)

    def into(self, task: Any) -> None:
        """Put the weights that fit into a task; what was taken is said in the log.

        Raises:
            UserError: None fits.
        """
        own: dict[str, Tensor] = task.state_dict()
        outputs = set() if self.same_outputs(task.spec) else output_layer(task)
        # The statistics were taken at the task's making.
        wanted = [name for name in own if name not in NORMALISATION]
        fitting = [
            name
            for name in wanted
            if name not in outputs and name in self.tensors and self.tensors[name].shape == own[name].shape
        ]
        learnt = {name for name, _ in task.named_parameters()}
        if not learnt.intersection(fitting):
            raise UserError(
                f"model.pretrained: no weight of {self.folder} fits model.name {task.params.model.name}; "
                f"it has {_shapes(self.tensors)}; this model has {_shapes(own)}"
            )
        with torch.no_grad():
            for name in fitting:
                own[name].copy_(self.tensors[name])
        fresh = [name for name in wanted if name not in fitting]
        logger.info(
            "model.pretrained: %d of %d weights are from %s%s",
            len(fitting),
            len(wanted),
            self.folder,
            f"; fresh: {', '.join(fresh)}" if fresh else "",
        )


def output_layer(task: nn.Module) -> set[str]:
    """The names of the parameters of the last dense layer, which makes the outputs."""
    dense = [name for name, module in task.named_modules() if isinstance(module, nn.Linear)]
    return {f"{dense[-1]}.weight", f"{dense[-1]}.bias"} if dense else set()


def _shapes(tensors: dict[str, Tensor]) -> str:
    weights = {name: list(tensor.shape) for name, tensor in tensors.items() if name not in NORMALISATION}
    shown = [f"{name} {shape}" for name, shape in list(weights.items())[:SHOWN]]
    more = len(weights) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
