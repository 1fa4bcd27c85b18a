"""Sees scikit-learn's preprocessors at work: what they are fitted on, and which row they make of which.

Methods of its classes are replaced while the watch lasts, as modules of scikit-learn come in; each gives what it gave.
"""

import functools
import importlib.abc
import importlib.util
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from .fitting import Cut, Fitted
from .places import here
from .summaries import columns, row_keys

HARMLESS = frozenset({
    "OneHotEncoder", "OrdinalEncoder", "LabelEncoder", "LabelBinarizer", "MultiLabelBinarizer", "FunctionTransformer",
    "Normalizer", "PolynomialFeatures", "HashingVectorizer", "Binarizer", "CountVectorizer", "DictVectorizer",
    "FeatureHasher", "SplineTransformer", "MissingIndicator", "Pipeline",
})  # fmt: skip
"""What these learn, names of columns and of categories, is no statistic of the rows; of a pipeline the parts count."""

MODULES = ("preprocessing", "decomposition", "impute", "feature_selection", "feature_extraction", "random_projection")
MODULES += ("compose", "pipeline", "manifold", "cluster", "kernel_approximation", "cross_decomposition")
MODULES += ("discriminant_analysis", "neighbors", "model_selection")
"""Parts of scikit-learn whose classes prepare rows."""

MOST_ROWS, MOST_VALUES, MOST_FITS = 50_000, 20_000_000, 200


class Preparing:
    """Replaces methods, and puts them back.

    Args:
        recorder: Has `guarded` and a trace.
    """

    def __init__(self, recorder: Any):
        self.recorder = recorder
        self.depth = 0
        self.known: dict[int, tuple[weakref.ref, Fitted]] = {}
        self._undo: list[Callable[[], None]] = []
        self._seen: set[str] = set()
        self.finder = Finder(self.look_at)

    def install(self) -> None:
        for name in [n for n in sys.modules if n.startswith("sklearn.")]:
            self.look_at(name)
        sys.meta_path.insert(0, self.finder)

    def remove(self) -> None:
        if self.finder in sys.meta_path:
            sys.meta_path.remove(self.finder)
        while self._undo:
            self._undo.pop()()
        self.known.clear()

    def look_at(self, name: str) -> None:
        """Replace what prepares rows in a module of scikit-learn that is there."""
        parts = name.split(".")
        module = sys.modules.get(name)
        if len(parts) < 2 or parts[1] not in MODULES or name in self._seen or module is None:
            return
        self._seen.add(name)
        for made in list(vars(module).values()):
            if isinstance(made, type) and made.__module__ == name and made.__name__ not in HARMLESS:
                for method, wrap in (
                    ("fit", self._fit), ("fit_transform", self._both), ("transform", self._transform),
                ):  # fmt: skip
                    if method in vars(made) and hasattr(made, "transform"):
                        self._replace(made, method, wrap)
        if name in ("sklearn.model_selection", "sklearn.model_selection._split"):
            self._replace(module, "train_test_split", self._cut)

    def _replace(self, owner: Any, name: str, wrap: Callable) -> None:
        before = vars(owner).get(name)
        if not callable(before) or hasattr(before, "_arcane"):
            return
        made = functools.wraps(before)(wrap(before))
        made._arcane = True  # type: ignore[attr-defined]
        setattr(owner, name, made)
        self._undo.append(lambda: setattr(owner, name, before))

    def _inside(self, original: Callable, args: tuple, kwargs: dict) -> Any:
        """Run a method; what it calls within is part of it."""
        self.depth += 1
        try:
            return original(*args, **kwargs)
        finally:
            self.depth -= 1

    def _wanted(self) -> bool:
        return not self.depth and not self.recorder.finished and bool(sys.modules.get("torch"))

    def _fit(self, original: Callable) -> Callable:
        def fit(this: Any, *args: Any, **kwargs: Any) -> Any:
            result = self._inside(original, (this, *args), kwargs)
            if self._wanted() and (args or "X" in kwargs):
                self.recorder.guarded(self.fitted, this, args[0] if args else kwargs["X"], args[1:], here(2))
            return result

        return fit

    def _both(self, original: Callable) -> Callable:
        def fit_transform(this: Any, *args: Any, **kwargs: Any) -> Any:
            result = self._inside(original, (this, *args), kwargs)
            if self._wanted() and (args or "X" in kwargs):
                given = args[0] if args else kwargs["X"]
                self.recorder.guarded(self.fitted, this, given, args[1:], here(2))
                self.recorder.guarded(self.turned, this, given, result)
            return result

        return fit_transform

    def _transform(self, original: Callable) -> Callable:
        def transform(this: Any, *args: Any, **kwargs: Any) -> Any:
            result = self._inside(original, (this, *args), kwargs)
            if self._wanted() and (args or "X" in kwargs):
                self.recorder.guarded(self.turned, this, args[0] if args else kwargs["X"], result)
            return result

        return transform

    def _cut(self, original: Callable) -> Callable:
        def train_test_split(*args: Any, **kwargs: Any) -> Any:
            result = self._inside(original, args, kwargs)
            if self._wanted() and len(result) >= 2:
                self.recorder.guarded(self.cut, result[0], result[1], here(2))
            return result

        return train_test_split

    # What is kept

    def fitted(self, estimator: Any, given: Any, further: tuple, place: Any) -> None:
        fits = self.recorder.trace.prepared.fits
        keys = keys_of(given)
        if keys is None or len(fits) >= MOST_FITS or _harmless(estimator):
            return
        made = Fitted(type(estimator).__name__, place, set(keys.tolist()), any(f is not None for f in further))
        fits.append(made)
        self.known[id(estimator)] = (weakref.ref(estimator), made)

    def turned(self, estimator: Any, given: Any, result: Any) -> None:
        ref, made = self.known.get(id(estimator), (lambda: None, None))
        if made is None or ref() is not estimator:
            return
        before = keys_of(given)
        if before is None:
            return
        for exact in (False, True):
            after = keys_of(result, exact)
            if after is not None and len(after) == len(before):
                made.made.update(zip(after.tolist(), before.tolist(), strict=True))

    def cut(self, first: Any, second: Any, place: Any) -> None:
        sides = keys_of(first), keys_of(second)
        if sides[0] is not None and sides[1] is not None:
            self.recorder.trace.prepared.cuts.append(Cut(place, set(sides[0].tolist()), set(sides[1].tolist())))


def _harmless(estimator: Any) -> bool:
    """Whether a chain of estimators learns no statistic of the rows."""
    parts = [
        part[1] for name in ("steps", "transformers_", "transformer_list") for part in getattr(estimator, name, [])
    ]
    return bool(parts) and all(p in ("drop", "passthrough") or type(p).__name__ in HARMLESS for p in parts)


def keys_of(rows: Any, exact: bool = False) -> np.ndarray | None:
    """A number for each row, as rows that reach a model have them; in double precision where `exact`.

    None where they are too many, or one number each.
    """
    if hasattr(rows, "toarray"):
        if rows.shape[0] * rows.shape[1] > MOST_VALUES:
            return None
        rows = rows.toarray()
    if isinstance(rows, list | tuple) and rows and isinstance(rows[0], str):
        return np.array([hash(row) for row in rows[:MOST_ROWS]])
    values = rows.detach().cpu().numpy() if isinstance(rows, torch.Tensor) else np.asarray(rows)
    if values.ndim < 2 or not 0 < len(values) <= MOST_ROWS or values.size > MOST_VALUES:
        return np.array([hash(row) for row in values.tolist()]) if values.dtype == object and values.ndim == 1 else None
    if values.dtype.kind not in "biuf":
        return np.array([hash(tuple(map(str, row))) for row in values.tolist()])
    values = np.ascontiguousarray(values, np.float64 if exact else np.float32)
    return row_keys(columns(torch.from_numpy(values)))


class Finder(importlib.abc.MetaPathFinder):
    """Finds nothing itself; a module of scikit-learn is looked at once it was loaded as ever.

    Args:
        look: Gets the module's name.
    """

    def __init__(self, look: Callable[[str], None]):
        self.look = look
        self.busy = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """As the other finders find it, with a loader that tells us afterwards."""
        parts = name.split(".")
        if self.busy or parts[0] != "sklearn" or len(parts) < 2 or parts[1] not in MODULES:
            return None
        self.busy = True
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError, AttributeError):
            return None
        finally:
            self.busy = False
        if spec is None or spec.loader is None or not hasattr(spec.loader, "exec_module"):
            return None
        load = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            load(module)
            self.look(name)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
