"""Runs a trained task on examples, and writes and reads saved models (safetensors and JSON; nothing is pickled)."""

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
from ..spec import Spec, Statistics
from .listening import listening
from .memory import out_of_memory

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule

EVALUATION_BATCH = 512
WEIGHTS, DESCRIPTION, SCHEMA = "weights.safetensors", "model.json", 2


@dataclass(frozen=True)
class Evaluation:
    """A task's outcome on a set of examples, in their order.

    Attributes:
        loss: The task's own mean loss.
        outputs: Probabilities, float32 `[n, K]`; or a regression's estimates, float32 `[n]`, in the target's unit.
        errors: bool `[n]`, the most probable class is not the label; or float64 `[n]`, the squared difference over the
            variance of the training split's targets (`Average`).
        logged: Means of what the task gave to `self.log`.
    """

    loss: float
    outputs: np.ndarray
    errors: np.ndarray
    logged: dict[str, float]


def evaluate(task: "LightningModule", inputs: Tensor, labels: Tensor, batch_size: int = EVALUATION_BATCH) -> Evaluation:
    """Measure a task in eval mode; its mode is what it was afterwards.

    Args:
        task: On the device of `labels`.
        inputs: `[N, *spec.shape]`, as `Examples` has them; on the device, or on the host.
        labels: int64 `[N]`, or float32 targets `[N]`.
        batch_size: Changes speed and memory, not the outcome; halved where memory runs out.

    Raises:
        UserError: `validation_step` does not call `self(inputs)`, or a regression gives no number an example.
    """
    training = task.training
    task.eval()
    try:
        while True:
            try:
                loss, outputs, logged = _validated(task, inputs, labels, batch_size)
                break
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                if batch_size == 1:
                    raise UserError("out of memory with one example at a time, in evaluation") from None
            batch_size = max(1, min(batch_size, len(labels)) // 2)
    finally:
        task.train(training)
    if labels.is_floating_point():
        errors = example_errors(task, outputs.cpu().double(), labels.cpu().double())
    else:
        outputs = outputs.softmax(1)
        errors = example_errors(task, outputs, labels)
    return Evaluation(loss, outputs.cpu().numpy(), errors.cpu().numpy(), logged)


def _validated(
    task: "LightningModule", inputs: Tensor, labels: Tensor, batch_size: int
) -> tuple[float, Tensor, dict[str, float]]:
    losses, outputs, sizes = [], [], []
    with torch.inference_mode(), listening(task) as heard:
        for step, (batch, targets) in enumerate(zip(inputs.split(batch_size), labels.split(batch_size), strict=True)):
            losses.append(task.validation_step((batch.to(labels.device), targets), step))
            outputs.append(heard.outputs("validation_step"))
            sizes.append(len(batch))
    loss = float(torch.stack(losses).double().cpu() @ torch.tensor(sizes, dtype=torch.double)) / len(labels)
    return loss, torch.cat(outputs).float(), heard.means()


def example_errors(task: Any, outputs: Tensor, labels: Tensor) -> Tensor:
    """Each example's error, as `Evaluation.errors`.

    Args:
        task: A regression's `statistics` say what its targets' variance is.
        outputs: Scores `[N, K]` of which the largest is the answer, or estimates `[N]`.
        labels: int64 `[N]`, or floating targets `[N]`.

    Raises:
        UserError: A regression's outputs are not one number an example.
    """
    if not labels.is_floating_point():
        return outputs.argmax(1) != labels
    refuse_columns(outputs, labels)
    return ((outputs - labels) / task.statistics.target_std).square()


def refuse_columns(outputs: Tensor, labels: Tensor) -> None:
    """Stop where a regression's outputs are not one number an example: `[N, 1]` against `[N]` makes `[N, N]`.

    Raises:
        UserError: They are not.
    """
    if outputs.shape != labels.shape:
        raise UserError(
            f"task.py: forward must give one estimate an example, {list(labels.shape)}, not {list(outputs.shape)}"
        )


def predict(task: Any, inputs: np.ndarray, batch_size: int = EVALUATION_BATCH) -> np.ndarray:
    """What a task says about examples, in eval mode.

    Args:
        task: Trained; on any device.
        inputs: `[N, *spec.shape]`, as `Examples` has them.
        batch_size: Examples at once.

    Returns:
        Class probabilities, float32 `[N, K]`, rows that sum to one; or a regression's estimates, float32 `[N]`, in the
        target's unit.
    """
    training = task.training
    task.eval()
    try:
        with torch.inference_mode():
            parts = [task(part.to(task.device)).float() for part in torch.tensor(inputs).split(batch_size)]
    finally:
        task.train(training)
    return torch.cat([(part if task.spec.regression else part.softmax(1)).cpu() for part in parts]).numpy()


def save_model(folder: Path, task: Any, package: str) -> None:
    """Write `weights.safetensors` and `model.json`; the same task gives the same bytes.

    Args:
        folder: Made if needed.
        task: Has `params`, `spec` and `statistics`, as the template's does.
        package: Import name of the package whose `task.py` defines it.
    """
    from safetensors.torch import save

    missing = [name for name in ("params", "spec", "statistics") if not hasattr(task, name)]
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
        **task.spec.as_json(),
        "normalisation": task.statistics.as_json(),
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
        spec, statistics = Spec.from_json(description), Statistics.from_json(description["normalisation"])
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
    task = module.Task(params, spec, statistics)
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
    """What a model says about one example of a file.

    Attributes:
        path: The file.
        label: The most probable class by name; None from a regression.
        probability: Its probability.
        probabilities: Every class's, by name.
        row: The example's place in the file, from 0; None in a file that is one example.
        estimate: A regression's, in `unit`; None where classes are told apart.
        unit: The target's, as far as it is known.
    """

    path: Path
    label: str | None
    probability: float | None
    probabilities: dict[str, float]
    row: int | None = None
    estimate: float | None = None
    unit: str = ""

    def __str__(self) -> str:
        where = f"{self.path}" if self.row is None else f"{self.path}, row {self.row}"
        if self.estimate is not None:
            return f"{where}: {self.estimate:.6g} {self.unit}".rstrip()
        return f"{where}: {self.label} ({self.probability:.1%})"


def predict_files(paths: Sequence[Path], folder: Path, project: Project | None = None) -> list[Prediction]:
    """Say what the model saved in `folder` makes of files.

    Image files are brought to the model's size and channels. Tables (CSV, TSV, Parquet) and sequences (`.npz`, `.ts`,
    Parquet) need no labels; each of their rows is an example.

    Raises:
        UserError: Files are missing or cannot be read (all are named), or the model cannot be read.
    """
    from ..data.sources.unlabelled import read_inputs

    task: Any = load_model(folder, project)
    spec: Spec = task.spec
    read, unreadable = [], []
    for path in map(Path, paths):
        try:
            read.append((path, read_inputs(path, spec)))
        except UserError as error:
            unreadable.append(str(error))
    if unreadable:
        raise UserError("\n".join(unreadable))
    if not read:
        raise UserError("no files were given")
    outputs = predict(task, np.concatenate([inputs for _, inputs in read]))
    places = [(path, row) for path, inputs in read for row in range(len(inputs))]
    return [
        predicted(output, spec, path, None if spec.modality == "image" else row)
        for (path, row), output in zip(places, outputs, strict=True)
    ]


def predicted(output: np.ndarray, spec: Spec, path: Path, row: int | None) -> Prediction:
    """One row of `predict`'s outputs in the words of `spec`."""
    if spec.target is not None:
        return Prediction(path, None, None, {}, row, float(output), spec.target.unit)
    probabilities = dict(zip(spec.classes, map(float, output), strict=True))
    return Prediction(path, spec.classes[int(output.argmax())], float(output.max()), probabilities, row)
