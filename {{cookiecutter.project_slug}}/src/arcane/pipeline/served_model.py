"""A saved model as MLflow serves it: arrays of images in, a row of class names and probabilities out.

MLflow loads this file by path ("models from code"), so nothing is pickled; it imports the engine and the person's
package from the copies that were logged beside it.
"""

from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class ServedModel(PythonModel):
    """From images, uint8 `[N, C, H, W]`, to probabilities, float32 `[N, K]`, in the order of `model.json`'s classes."""

    def load_context(self, context: Any) -> None:
        from arcane.training.inference import load_model

        self.task = load_model(Path(context.artifacts["model"]))

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        # No annotations: MLflow reads them, and knows none for arrays.
        from arcane.training.inference import predict_probabilities

        return predict_probabilities(self.task, np.asarray(model_input, dtype=np.uint8))


def log_model(mlflow: Any, root: Path, folder: Path) -> Any:
    """Log the model in `folder` to the active run, with the signature that `model.json` implies."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    from ..files import read_json

    description = read_json(folder / "model.json")
    shape, classes = description["shape"], description["classes"]
    signature = ModelSignature(
        Schema([TensorSpec(np.dtype("uint8"), (-1, *shape))]),
        Schema([TensorSpec(np.dtype("float32"), (-1, len(classes)))]),
    )
    return mlflow.pyfunc.log_model(
        name="best",
        python_model=__file__,
        artifacts={"model": str(folder)},
        code_paths=[str(root / "src" / "arcane"), str(root / "src" / description["architecture"]["package"])],
        signature=signature,
        pip_requirements=requirements(root),
        metadata={"classes": classes},
    )


def requirements(root: Path) -> list[str]:
    """The dependencies that `pyproject.toml` states; without them MLflow guesses by importing the model."""
    import tomllib

    tree = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return list(tree.get("project", {}).get("dependencies", []))


if not __package__:  # MLflow runs the file by path; an import as a part of the engine must not set a model
    set_model(ServedModel())
