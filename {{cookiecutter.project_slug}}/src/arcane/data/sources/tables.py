"""scikit-learn's small tables: three that tell classes apart and one regression; they need no file, no network."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from ...spec import Feature, Modality, Target
from .base import Example, Source


class ScikitTable(Source):
    """A table that scikit-learn brings; `row` is the row's number there."""

    modality: ClassVar[Modality] = "tabular"

    @abstractmethod
    def load(self) -> Any:
        """scikit-learn's Bunch: `data` float64 `[n, F]`, `target`, `feature_names`."""

    def __init__(self):
        bunch = self.load()
        self.rows = bunch.data
        self.features = tuple(Feature(str(name)) for name in bunch.feature_names)
        self.total = len(self.rows)
        self.labels = [self.label(value) for value in bunch.target.tolist()]

    def label(self, value: float) -> str | float:
        """The label that a value of `target` stands for."""
        return self.classes[int(value)]

    def shape(self) -> tuple[int]:
        """One number a column."""
        return (len(self.features),)

    def examples(self) -> Iterator[Example]:
        """Yields the rows in scikit-learn's order."""
        for row, (values, label) in enumerate(zip(self.rows.astype(np.float32), self.labels, strict=True)):
            yield Example(values, label, row=row)


class BreastCancer(ScikitTable):
    """Wisconsin diagnostic breast cancer (UCI): 569 tumours by 30 measures of their cell nuclei."""

    name = "breast_cancer"
    classes = ("malignant", "benign")

    def load(self) -> Any:
        from sklearn.datasets import load_breast_cancer

        return load_breast_cancer()


class Wine(ScikitTable):
    """Wine recognition (UCI): 178 wines of three cultivars by 13 chemical measures."""

    name = "wine"
    classes = ("class_0", "class_1", "class_2")

    def load(self) -> Any:
        from sklearn.datasets import load_wine

        return load_wine()


class DigitsTable(ScikitTable):
    """The 1,797 handwritten digits of 8 by 8, a column a pixel, grey levels 0 to 16 as they are."""

    name = "digits-as-table"
    classes = tuple("0123456789")

    def load(self) -> Any:
        from sklearn.datasets import load_digits

        return load_digits()


class Diabetes(ScikitTable):
    """Diabetes (Efron, Hastie, Johnstone, Tibshirani, 2004): 442 patients, ten measures in their own units.

    What is estimated is "a quantitative measure of disease progression one year after baseline"; its source names no
    unit. Sex comes as 1 and 2, which it does not name either: a category of these two.
    """

    name = "diabetes"
    target = Target("disease progression in one year", "points")

    def load(self) -> Any:
        from sklearn.datasets import load_diabetes

        return load_diabetes(scaled=False)

    def __init__(self):
        super().__init__()
        self.features = tuple(
            Feature("sex", "category", ("1", "2")) if feature.name == "sex" else feature for feature in self.features
        )  # a level's code is 1 + its place: 1 and 2 stay as they are

    def label(self, value: float) -> float:
        return value
