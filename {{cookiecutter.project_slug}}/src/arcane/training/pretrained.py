"""Starts a task from weights that were trained before: by this project, by another, or by torchvision on ImageNet.

What fits by name and shape is taken; the layer that makes the outputs is taken only where it means the same; the
normalisation that the weights were trained with comes along.
"""

import logging
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..config import Model
from ..errors import UserError
from ..files import read_json
from ..spec import Spec, Statistics
from .inference import DESCRIPTION, WEIGHTS

logger = logging.getLogger("arcane.training")

SHOWN = 5
NORMALISATION = ("mean", "std")


PUBLISHED = "torchvision"
# Of ImageNet's training images, which every weight that torchvision publishes for these networks was trained with.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STEM = "conv1.weight"
INSIDE = Path("models/pretrained")


def pretrained_path(root: Path, model: Model) -> Path | None:
    """Where the weights of `model.pretrained` lie; torchvision's are downloaded once.

    Raises:
        UserError: They are not there, or cannot be downloaded.
    """
    if model.pretrained is None:
        return None
    if model.pretrained == PUBLISHED:
        return downloaded(model.name)
    path = Path(root) / model.pretrained
    for file in files_of(path):
        if not file.is_file():
            raise UserError(
                f"{file}: not there; model.pretrained is {model.pretrained!r}, expected a folder with a saved model, "
                "such as models/best of another project, a file of torchvision's weights, or `torchvision`"
            )
    return path


def files_of(path: Path) -> list[Path]:
    """The files that pre-trained weights at `path` consist of."""
    single = path.is_file() or path.suffix in (".pth", ".pt", ".safetensors")
    return [path] if single else [path / DESCRIPTION, path / WEIGHTS]


def downloaded(name: str) -> Path:
    """torchvision's best weights for the network called `name`, in torch's own cache.

    Raises:
        UserError: torchvision has none, or they cannot be downloaded.
    """
    from torchvision.models import get_model_weights

    from ..models import TORCHVISION

    if name not in TORCHVISION:
        raise UserError(
            f"model.pretrained is {PUBLISHED!r}, but torchvision has no weights for model.name {name}; it has them "
            f"for {', '.join(TORCHVISION)}"
        )
    best: Any = get_model_weights(name)
    url = best.DEFAULT.url
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    if not path.is_file():
        logger.info("model.pretrained: downloads %s", url)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), path.stem.rsplit("-", 1)[-1], progress=False)
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"model.pretrained: {url} could not be downloaded ({error}); without a network, fetch the file "
                f"elsewhere and put it to {path}, or into {INSIDE}/ and name it: model.pretrained: {INSIDE}/{path.name}"
            ) from None
    return path


class Pretrained:
    """Weights that were trained before, with what they were trained on.

    Args:
        path: A folder with `weights.safetensors` and `model.json`; or a file (`.pth`, `.safetensors`) with the weights
            of a torchvision ResNet, which were trained on ImageNet.

    Raises:
        UserError: A file is missing, damaged or something else.
    """

    def __init__(self, path: Path):
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        self.folder = Path(path)
        self.spec: Spec | None = None
        self.tensors: dict[str, Tensor]
        if not self.folder.is_dir() and files_of(self.folder) == [self.folder]:
            self.statistics = Statistics(IMAGENET_MEAN, IMAGENET_STD)
            self.tensors = torchvision_weights(self.folder)
            return
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
        if self.spec is None:
            return of_imagenet(own, spec)
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
        return self.spec is not None and (self.spec.classes, self.spec.target) == (spec.classes, spec.target)

    def into(self, task: Any) -> None:
        """Put the weights that fit into a task; what was taken is said in the log.

        Raises:
            UserError: None fits.
        """
        own: dict[str, Tensor] = task.state_dict()
        given = self.tensors if self.spec is not None else self._as_named_in(task, own)
        outputs = set() if self.same_outputs(task.spec) else output_layer(task)
        # The statistics were taken at the task's making.
        wanted = [name for name in own if name not in NORMALISATION]
        fitting = [
            name for name in wanted if name not in outputs and name in given and given[name].shape == own[name].shape
        ]
        learnt = {name for name, _ in task.named_parameters()}
        if not learnt.intersection(fitting):
            raise UserError(
                f"model.pretrained: no weight of {self.folder} fits model.name {task.params.model.name}; "
                f"it has {_shapes(given)}; this model has {_shapes(own)}"
            )
        with torch.no_grad():
            for name in fitting:
                own[name].copy_(given[name])
        fresh = [name for name in wanted if name not in fitting]
        logger.info(
            "model.pretrained: %d of %d weights are from %s%s",
            len(fitting),
            len(wanted),
            self.folder,
            f"; fresh: {', '.join(fresh)}" if fresh else "",
        )

    def _as_named_in(self, task: Any, own: dict[str, Tensor]) -> dict[str, Tensor]:
        """torchvision's weights under the task's names, with a stem that fits its channels."""
        if task.params.model.normalization != "batch":
            raise UserError(
                f"model.pretrained: {self.folder} was trained with batch norm; set model.normalization: batch (it is "
                f"{task.params.model.normalization})"
            )
        stem = next((name for name in own if name == STEM or name.endswith(f".{STEM}")), STEM)
        given = {stem.removesuffix(STEM) + name: tensor for name, tensor in self.tensors.items()}
        if stem in own and own[stem].shape[1] == 1:
            # A grey image is three equal channels, so that one filter with the sum of theirs answers alike.
            given[stem] = given[stem].sum(1, keepdim=True)
        return given


def of_imagenet(own: Statistics, spec: Spec) -> Statistics:
    """The statistics of a task that starts from ImageNet's weights; a grey image's are the channels' means.

    Raises:
        UserError: It reads no images.
    """
    if spec.modality != "image":
        raise UserError(f"model.pretrained: ImageNet's weights read images, not {spec.modality} data")
    if spec.shape[0] == 1:
        return replace(own, mean=(sum(IMAGENET_MEAN) / 3,), std=(sum(IMAGENET_STD) / 3,))
    return replace(own, mean=IMAGENET_MEAN, std=IMAGENET_STD)


def torchvision_weights(path: Path) -> dict[str, Tensor]:
    """The weights of a torchvision ResNet; nothing else in the file is loaded.

    Raises:
        UserError: The file is missing or damaged, or holds other weights.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        safe = path.suffix == ".safetensors"
        tensors = load_file(path) if safe else torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
        raise UserError(f"{path}: missing, damaged or not only weights ({error})") from None
    if not isinstance(tensors, dict) or not {STEM, "layer1.0.conv1.weight", "fc.weight"} <= set(tensors):
        raise UserError(
            f"{path}: not the weights of a torchvision ResNet, so that its normalisation is not known; "
            "model.pretrained takes such a file, or a folder with a saved model, which says its own"
        )
    return tensors


def warn_outside(root: Path, model: Model) -> None:
    """Say so where DVC cannot see the weights change: its stages depend on `models/pretrained/`."""
    if model.pretrained is None or model.pretrained == PUBLISHED:
        return
    path = (Path(root) / model.pretrained).resolve()
    seen = [Path(root).resolve() / INSIDE, Path(root).resolve() / ".arcane"]
    if not any(path.is_relative_to(folder) for folder in seen):
        logger.warning(
            "model.pretrained: %s lies outside %s/, where DVC would see it change; copy it there", path, INSIDE
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
