"""A saved model as MLflow serves it: arrays of examples in, probabilities or estimates out.

MLflow loads this file by path ("models from code"), so nothing is pickled; it imports the engine and the person's
package from the copies that were logged beside it.
"""

from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class ServedModel(PythonModel):
    """From `[N, *shape]`, uint8 images or float32, to probabilities, float32 `[N, K]`, in the order of `model.json`'s
    classes; or to a regression's estimates, float32 `[N]`, in the target's unit."""

    def load_context(self, context: Any) -> None:
        from arcane.training.inference import load_model

        self.task: Any = load_model(Path(context.artifacts["model"]))

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        # No annotations: MLflow reads them, and knows none for arrays.
        from arcane.training.inference import predict

        return predict(self.task, np.asarray(model_input, dtype=self.task.spec.dtype))


def log_model(mlflow: Any, root: Path, folder: Path) -> Any:
    """Log the model in `folder` to the active run, with the signature that `model.json` implies."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    from ..files import read_json
    from ..spec import Spec

    description = read_json(folder / "model.json")
    spec = Spec.from_json(description)
    signature = ModelSignature(
        Schema([TensorSpec(np.dtype(spec.dtype), (-1, *spec.shape))]),
        Schema([TensorSpec(np.dtype("float32"), (-1,) if spec.regression else (-1, spec.outputs))]),
    )
    return mlflow.pyfunc.log_model(
        name="best",
        python_model=__file__,
        artifacts={"model": str(folder)},
        code_paths=[str(root / "src" / "arcane"), str(root / "src" / description["architecture"]["package"])],
        signature=signature,
        pip_requirements=requirements(root),
        metadata={"classes": list(spec.classes), "target": description["target"]},
    )


def requirements(root: Path) -> list[str]:
    """The dependencies that `pyproject.toml` states; without them MLflow guesses by importing the model."""
    import tomllib

    tree = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return list(tree.get("project", {}).get("dependencies", []))


if not __package__:  # MLflow runs the file by path; an import as a part of the engine must not set a model
    set_model(ServedModel())
