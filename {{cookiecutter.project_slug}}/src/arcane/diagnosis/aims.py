"""What a task is to give for an example, and how near it comes: a class among several, or a number."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

CHANCE = 0.01
"""Agreement that chance gives more rarely than this is better than chance."""


@dataclass(frozen=True)
class Classes:
    """One of `count` classes: outputs are logits [n, count], labels int64 [n]."""

    count: int
    reference: ClassVar[str] = "cross entropy"

    def shape(self, n: int) -> tuple[int, ...]:
        """Of the outputs for `n` examples."""
        return n, self.count

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The loss that is right for such a task."""
        return F.cross_entropy(outputs, labels)

    def error(self, outputs: Tensor, labels: Tensor) -> float:
        """Share of the examples whose largest logit is not the label's."""
        return float((outputs.argmax(1) != labels).float().mean())

    def left(self, error: float) -> str:
        """An error in words."""
        return f"{100 * error:.0f} % wrong"

    def learnt(self, error: float) -> bool:
        """Whether further steps on the same batch would show nothing more."""
        return error == 0

    def agreement(self, answers: Tensor, labels: Tensor) -> float:
        """Share of the answers that are the labels."""
        return float((answers == labels).double().mean())

    def answers(self, outputs: Tensor) -> Tensor:
        """What the outputs say: the class with the largest."""
        return outputs.argmax(1)

    def coded(self, labels: np.ndarray) -> np.ndarray:
        """Labels as columns that least squares can fit; `answers` reads them back."""
        return np.eye(self.count)[labels]

    def better_than_chance(self, answers: Tensor, labels: Tensor) -> bool:
        """Whether they agree more often than independent ones of the same shares would (one-sided binomial test)."""
        from scipy.stats import binomtest

        classes = int(max(answers.max(), labels.max())) + 1
        shares = [torch.bincount(side, minlength=classes).double() / len(side) for side in (answers, labels)]
        chance = float((shares[0] * shares[1]).sum())
        agreed = int((answers == labels).sum())
        return bool(binomtest(agreed, len(labels), chance, alternative="greater").pvalue < CHANCE)

    def spread_out(self, labels: np.ndarray, order: np.ndarray) -> np.ndarray:
        """`order` again, so that its first examples hold the classes as equally as they can."""
        shuffled = labels[order]
        turn = np.empty(len(shuffled), dtype=np.int64)
        for label in np.unique(shuffled):
            turn[shuffled == label] = np.arange((shuffled == label).sum())
        return order[np.argsort(turn, kind="stable")]


@dataclass(frozen=True)
class Numbers:
    """A number: outputs are estimates [n] in the unit of the targets float [n].

    Attributes:
        mean: Of the training split's targets.
        deviation: Their standard deviation; 1 where they do not vary.
    """

    mean: float
    deviation: float
    reference: ClassVar[str] = "squared error"

    def shape(self, n: int) -> tuple[int, ...]:
        """Of the outputs for `n` examples."""
        return (n,)

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The loss that is right for such a task: the mean squared error of standardised targets."""
        return F.mse_loss(outputs / self.deviation, labels.to(outputs.dtype) / self.deviation)

    def error(self, outputs: Tensor, labels: Tensor) -> float:
        """Share of these examples' variance that is left unexplained; at most 1, which a constant reaches."""
        truth = labels.double()
        variance = float((truth - truth.mean()).square().mean()) or self.deviation**2
        return min(1.0, float((outputs.double() - truth).square().mean()) / variance)

    def left(self, error: float) -> str:
        """An error in words."""
        return f"{100 * error:.0f} % of the variance unexplained"

    def learnt(self, error: float) -> bool:
        """Whether further steps on the same batch would show nothing more."""
        return error < 0.01

    def agreement(self, answers: Tensor, labels: Tensor) -> float:
        """Rank correlation (Spearman), which no scaling or logarithm of the targets changes."""
        return self._correlation(answers, labels)[0]

    def answers(self, outputs: Tensor) -> Tensor:
        """What the outputs say: themselves."""
        return outputs.reshape(-1)

    def coded(self, labels: np.ndarray) -> np.ndarray:
        """Targets as columns that least squares can fit; `answers` reads them back."""
        return labels[:, None].astype(np.float64)

    def better_than_chance(self, answers: Tensor, labels: Tensor) -> bool:
        """Whether the rank correlation is above 0 beyond chance (one-sided)."""
        correlation, p_value = self._correlation(answers, labels)
        return correlation > 0 and p_value < CHANCE

    def spread_out(self, labels: np.ndarray, order: np.ndarray) -> np.ndarray:
        """`order` again: drawn at random its first examples are spread as the targets are."""
        return order

    @staticmethod
    def _correlation(answers: Tensor, labels: Tensor) -> tuple[float, float]:
        from scipy.stats import spearmanr

        pair = answers.double().cpu().numpy(), labels.double().cpu().numpy()
        if any(len(side) < 3 or np.ptp(side) == 0 for side in pair):
            return 0.0, 1.0
        found = spearmanr(*pair, alternative="greater")
        return float(found.statistic), float(found.pvalue)


Aim = Classes | Numbers
