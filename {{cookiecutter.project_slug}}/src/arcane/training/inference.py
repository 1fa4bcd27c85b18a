"""Runs a trained task on images, and writes and reads saved models (safetensors and JSON; nothing is pickled)."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from .. import __version__
from ..config import Data, Goal, Improve, Params, Project
from ..errors import UserError
from ..files import read_json, replacing, write_json
from ..models import count_parameters
from .listening import listening

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule

EVALUATION_BATCH = 512
WEIGHTS, DESCRIPTION, SCHEMA = "weights.safetensors", "model.json", 1


@dataclass(frozen=True)
class Evaluation:
    """A task's outcome on a set of examples, in their order.

    Attributes:
        loss: The task's own mean loss.
        probabilities: float32 `[n, K]`.
        wrong: bool `[n]`, the most probable class is not the label.
        logged: Means of what the task gave to `self.log`.
    """

    loss: float
    probabilities: np.ndarray
    wrong: np.ndarray
    logged: dict[str, float]


def evaluate(task: "LightningModule", images: Tensor, labels: Tensor, batch_size: int = EVALUATION_BATCH) -> Evaluation:
    """Measure a task in eval mode; its mode is what it was afterwards.

    Args:
        task: On the device of `images`.
        images: uint8 `[N, C, H, W]`.
        labels: int64 `[N]`.
        batch_size: Changes speed and memory, not the outcome.
    """
    training = task.training
    task.eval()
    losses, logits, sizes = [], [], []
    try:
        with torch.inference_mode(), listening(task) as heard:
            for step, (batch, targets) in enumerate(
                zip(images.split(batch_size), labels.split(batch_size), strict=True)
            ):
                losses.append(task.validation_step((batch, targets), step))
                logits.append(heard.logits("validation_step"))
                sizes.append(len(batch))
    finally:
        task.train(training)
    probabilities = torch.cat(logits).float().softmax(1)
    wrong = probabilities.argmax(1) != labels
    loss = float(torch.stack(losses).double().cpu() @ torch.tensor(sizes, dtype=torch.double)) / len(labels)
    return Evaluation(loss, probabilities.cpu().numpy(), wrong.cpu().numpy(), heard.means())


def predict_probabilities(
    task: "LightningModule", images: np.ndarray, batch_size: int = EVALUATION_BATCH
) -> np.ndarray:
    """Class probabilities in eval mode.

    Args:
        task: Trained; on any device.
        images: uint8 `[N, C, H, W]`.
        batch_size: Images at once.

    Returns:
        float32 `[N, K]`, rows that sum to one.
    """
    training = task.training
    task.eval()
    try:
        with torch.inference_mode():
            parts = [
                task(part.to(task.device)).float().softmax(1).cpu() for part in torch.tensor(images).split(batch_size)
            ]
    finally:
        task.train(training)
    return torch.cat(parts).numpy()


def save_model(folder: Path, task: Any, package: str) -> None:
    """Write `weights.safetensors` and `model.json`; the same task gives the same bytes.

    Args:
        folder: Made if needed.
        task: Has `params`, `shape`, `classes` and the buffers `mean` and `std`, as the template's does.
        package: Import name of the package whose `task.py` defines it.
    """
    from safetensors.torch import save

    missing = [name for name in ("params", "shape", "classes", "mean", "std") if not hasattr(task, name)]
    if missing:
        raise UserError(
            f"{package}/task.py: Task must keep {', '.join(missing)} as attributes: a saved model needs them"
        )
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(task.state_dict().items())}
    description = {
        "schema": SCHEMA,
        "architecture": {
            "package": package,
            "model": task.params.model.model_dump(mode="json"),
            "train": task.params.train.model_dump(mode="json"),
            "seed": task.params.seed,
        },
        "shape": list(task.shape),
        "classes": list(task.classes),
        "normalisation": {name: getattr(task, name).flatten().tolist() for name in ("mean", "std")},
        "parameters": count_parameters(task),
        "versions": {"arcane": __version__, "torch": torch.__version__},
    }
    with replacing(folder / WEIGHTS, "wb") as file:
        file.write(save(tensors))
    write_json(folder / DESCRIPTION, description)


def load_model(folder: Path, project: Project | None = None) -> "LightningModule":
    """Read a saved model, in eval mode on the CPU.

    Args:
        folder: Holds `weights.safetensors` and `model.json`.
        project: Whose task it is; without one the package named in `model.json` must be importable.

    Raises:
        UserError: A file is missing or damaged, or `task.py` has changed so that the weights no longer fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(folder)
    description = read_json(folder / DESCRIPTION)
    try:
        architecture = description["architecture"]
        shape, classes, normalisation = description["shape"], description["classes"], description["normalisation"]
        params = saved_params(architecture)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder / DESCRIPTION}: not a saved model's description ({error}); train again") from None
    try:
        tensors = load_file(folder / WEIGHTS)
    except FileNotFoundError:
        raise UserError(f"{folder / WEIGHTS}: not there; `dvc checkout` brings a tracked model back") from None
    except SafetensorError as error:
        raise UserError(
            f"{folder / WEIGHTS}: damaged ({error}); `dvc checkout --force` brings a tracked model back"
        ) from None
    module = project.module("task") if project else importlib.import_module(f"{architecture['package']}.task")
    task = module.Task(params, tuple(shape), classes, normalisation["mean"], normalisation["std"])
    try:
        task.load_state_dict(tensors)
    except RuntimeError as error:
        raise UserError(
            f"{folder}: its weights do not fit task.py, which has changed since it was trained; train again, or bring "
            f"the old task.py back\n{error}"
        ) from None
    return task.eval()


def saved_params(architecture: dict[str, Any]) -> Params:
    """The params that a saved model was built with; what does not shape a network gets stand-ins."""
    return Params(
        seed=architecture["seed"],
        goal=Goal(error=0.5, source="a saved model has no goal"),
        data=Data(),
        model=architecture["model"],
        train=architecture["train"],
        improve=Improve(budget=0),
    )


@dataclass(frozen=True)
class Prediction:
    """What a model says about one file: the most probable class by name, and every class's probability."""

    path: Path
    label: str
    probability: float
    probabilities: dict[str, float]


def predict_files(paths: Sequence[Path], folder: Path, project: Project | None = None) -> list[Prediction]:
    """Classify image files with the model saved in `folder`; each is brought to the model's size and channels.

    Raises:
        UserError: Files are missing or are no images (all are named), or the model cannot be read.
    """
    from ..data.images import fit_image, read_image

    task: Any = load_model(folder, project)
    images, unreadable = [], []
    for path in map(Path, paths):
        try:
            images.append(fit_image(read_image(path), tuple(task.shape)))
        except UserError as error:
            unreadable.append(str(error))
    if unreadable:
        raise UserError("\n".join(unreadable))
    if not images:
        raise UserError("no image files were given")
    rows = predict_probabilities(task, np.stack(images))
    return [
        Prediction(
            path, task.classes[row.argmax()], float(row.max()), dict(zip(task.classes, map(float, row), strict=True))
        )
        for path, row in zip(map(Path, paths), rows, strict=True)
    ]
