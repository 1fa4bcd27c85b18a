"""What one example is: the facts about the inputs and the targets that data, models and reports share."""

from dataclasses import dataclass
from math import prod
from typing import Any, Literal, cast, get_args

Modality = Literal["image", "sequence", "tabular"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)


@dataclass(frozen=True)
class Feature:
    """A column of a table.

    Attributes:
        name: As the table calls it.
        kind: `number`, or `category`, whose cells are codes: 0 for a value that is not known, then 1 + the place in
            `levels`.
        levels: The values of a category, in the order of their codes.
    """

    name: str
    kind: Literal["number", "category"] = "number"
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """What a regression estimates.

    Attributes:
        name: As the source calls it.
        unit: What its numbers count, for people; empty where that is not known.
    """

    name: str
    unit: str = ""


@dataclass(frozen=True)
class Spec:
    """What one example looks like to a network.

    Attributes:
        modality: `image`, `sequence` or `tabular`.
        shape: `(C, H, W)`, `(C, L)` or `(F,)`.
        classes: Names, in the order of the network's outputs; empty for a regression.
        features: The columns of a table.
        target: What a regression estimates; None where classes are told apart.
    """

    modality: Modality
    shape: tuple[int, ...]
    classes: tuple[str, ...] = ()
    features: tuple[Feature, ...] = ()
    target: Target | None = None

    @property
    def regression(self) -> bool:
        return self.target is not None

    @property
    def dtype(self) -> str:
        """Of packed inputs: uint8 images; else float32, where NaN stands for what is absent (missing or padding)."""
        return "uint8" if self.modality == "image" else "float32"

    @property
    def outputs(self) -> int:
        """How many numbers the network gives: a logit a class, or one estimate."""
        return 1 if self.regression else len(self.classes)

    @property
    def size(self) -> int:
        """Numbers in one example."""
        return prod(self.shape)

    def as_json(self) -> dict[str, Any]:
        """The facts as `index.json` and `model.json` carry them."""
        return {
            "modality": self.modality,
            "shape": list(self.shape),
            "classes": list(self.classes),
            "features": [{"name": f.name, "kind": f.kind, "levels": list(f.levels)} for f in self.features],
            "target": {"name": self.target.name, "unit": self.target.unit} if self.target else None,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Spec":
        """Read what `as_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: It is of another form.
        """
        if content["modality"] not in MODALITIES:
            raise ValueError(f"modality is {content['modality']!r}")
        target = content["target"]
        return cls(
            cast(Modality, content["modality"]),
            tuple(int(side) for side in content["shape"]),
            tuple(content["classes"]),
            tuple(Feature(f["name"], f["kind"], tuple(f["levels"])) for f in content["features"]),
            Target(target["name"], target["unit"]) if target else None,
        )


@dataclass(frozen=True)
class Statistics:
    """What inputs and targets are normalised by: of the training split alone (RECIPE 2.3), saved with the model.

    Attributes:
        mean: Of each channel or column over what is present; images with pixels from 0 to 1; 0 for a category.
        std: The same for the standard deviation; 1 where it would be 0, and for a category.
        target_mean: Of a regression's targets, in their unit; 0 where classes are told apart.
        target_std: The same for the standard deviation; 1 where classes are told apart.
        absent: Whether each channel or column lacks values anywhere in the training split; empty: none does.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    target_mean: float = 0.0
    target_std: float = 1.0
    absent: tuple[bool, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The fields as `model.json` carries them."""
        return {
            "mean": list(self.mean),
            "std": list(self.std),
            "target_mean": self.target_mean,
            "target_std": self.target_std,
            "absent": list(self.absent),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Statistics":
        """Read what `as_json` wrote.

        Raises:
            KeyError, TypeError: It is of another form.
        """
        return cls(
            tuple(content["mean"]),
            tuple(content["std"]),
            content["target_mean"],
            content["target_std"],
            tuple(content["absent"]),
        )
