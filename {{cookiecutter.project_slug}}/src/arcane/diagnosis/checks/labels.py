"""Labels against inputs: what a step pairs, and whether the data's own pairing is better than chance."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ...data.findings import Finding
from ..aims import Aim, Classes
from ..bench import PREPARED, Bench
from .check import Check


def look_at_pairing(bench: Bench) -> Iterator[Finding]:
    """Match what reaches the first layer in training with what reaches it in evaluation, and compare the labels."""
    seen, plain = bench.trained, bench.evaluated
    _, labels = bench.batch()
    inputs, reference = seen.first_input, plain.first_input
    if inputs is None or reference is None or inputs.shape != reference.shape or len(inputs) != len(labels):
        return
    aim, targets = bench.aim, seen.targets
    if targets is None or targets.shape != labels.shape or (isinstance(aim, Classes) and targets.is_floating_point()):
        targets = labels
    # What is absent (NaN) is as far as the mean.
    compared = [side.flatten(1).double().nan_to_num() for side in (inputs, reference)]
    distances = torch.cdist(*compared)
    nearest = distances.argmin(dim=1)
    agreement = aim.agreement(labels[nearest], targets)
    bench.measurements["pairing_agreement"] = agreement
    same_inputs = float(distances.min(dim=1).values.median()) <= 1e-3 * float(compared[1].norm(dim=-1).mean())
    if same_inputs and agreement < 0.9 and not torch.equal(nearest, torch.arange(len(nearest), device=nearest.device)):
        code, what = "labels-out-of-order", "The step reorders the inputs but not the labels"
    elif same_inputs and agreement < 0.9:
        code, what = "labels-out-of-order", "The step gives the loss other labels than the batch holds"
        if isinstance(aim, Classes) and _renamed(labels, targets):
            code, what = (
                "labels-corrupt",
                f"The step gives the loss other classes than the batch holds{_such(labels, targets)}",
            )
    elif (
        not same_inputs
        and agreement < _clear_agreement(aim, labels)
        and not aim.better_than_chance(labels[nearest], targets)
    ):
        code, what = (
            "augmentation-breaks-labels",
            "What the transforms make of an example is nearest to examples of other labels",
        )
    else:
        return
    yield Finding(
        code,
        "error",
        f"{what}: label and input agree for {100 * agreement:.0f} % of a training batch."
        if isinstance(aim, Classes)
        else f"{what}: in a training batch their rank correlation is {agreement:.2f}.",
        "Apply the same order to inputs and labels."
        if code == "labels-out-of-order"
        else "Give the loss the batch's labels as they are; evaluation counts by these."
        if code == "labels-corrupt"
        else "Look at augmented examples; use changes that a person would give the same label.",
        evidence={"agreement": agreement},
        expected=("100 %" if isinstance(aim, Classes) else "1")
        if code != "augmentation-breaks-labels"
        else "well above chance",
        location=bench.place(seen, "loss", "training_step"),
    )


def _renamed(labels: Tensor, targets: Tensor) -> bool:
    """Whether each class always becomes the same one: counted from 1, or all one class."""
    pairs = {(int(a), int(b)) for a, b in zip(labels, targets, strict=True)}
    return len(pairs) == len(labels.unique())


def _such(labels: Tensor, targets: Tensor) -> str:
    place = int((labels != targets).nonzero()[0])
    return f", {int(targets[place])} in place of {int(labels[place])}"


def _clear_agreement(aim: Aim, labels: Tensor) -> float:
    """From here on no test is needed."""
    if not isinstance(aim, Classes):
        return 0.3
    share = float(torch.bincount(labels, minlength=aim.count).max()) / len(labels)
    return max(0.3, (1 + share) / 4)


def look_at_augmentation(bench: Bench) -> Iterator[Finding]:
    """Let a copy learn plain examples, and ask it about those that training makes of others."""
    seen, plain = bench.trained, bench.evaluated
    if seen.first_input is None or plain.first_input is None or seen.first_input.shape != plain.first_input.shape:
        return
    if torch.equal(seen.first_input.nan_to_num(), plain.first_input.nan_to_num()):
        return
    learnt, held_out = bench.learnt_plainly
    labels = held_out[1]
    task = bench.still(learnt)
    asked = bench.watch(task, held_out)
    outputs = asked.outputs
    if isinstance(bench.aim, Classes) and asked.targets is not None and asked.targets.shape == labels.shape:
        labels = asked.targets  # the step may have reordered inputs and labels alike
    plain_right = 1 - bench.error(learnt, held_out)
    if outputs is None or outputs.shape != bench.aim.shape(len(labels)):
        return
    right = 1 - bench.aim.error(outputs.detach(), labels)
    bench.measurements |= {"plain_accuracy": plain_right, "augmented_accuracy": right}
    of_variance = "" if isinstance(bench.aim, Classes) else "' variance"
    if plain_right > 0.5 and right < bench.limit("augmented_share") * plain_right:
        yield Finding(
            "augmentation-breaks-labels",
            "error",
            f"A model that knows {100 * plain_right:.0f} % of unseen examples{of_variance} as they are knows "
            f"{100 * right:.0f} % of them after the training transforms: these make other things of them.",
            "Look at augmented examples; use changes that a person would give the same label.",
            evidence={"plain_accuracy": plain_right, "augmented_accuracy": right},
            expected="at least half of the accuracy on plain examples",
            location=bench.location("training_step"),
        )


def look_at_data(bench: Bench) -> Iterator[Finding]:
    """Does the nearest other example carry the same label more often than chance?"""
    chosen = bench.order[:PREPARED]
    if len(chosen) < 200:
        return
    features, labels = bench.features(chosen), torch.from_numpy(bench.train.labels[chosen])
    squares = (features**2).sum(1)
    distances = squares[:, None] + squares[None] - 2 * features @ features.T
    np.fill_diagonal(distances, np.inf)
    neighbours = labels[torch.from_numpy(distances.argmin(1))]
    agreement = bench.aim.agreement(neighbours, labels)
    bench.measurements["neighbour_agreement"] = agreement
    if bench.aim.better_than_chance(neighbours, labels) or bench.aim.better_than_chance(_probed(bench, chosen), labels):
        return
    found = (
        f"An example's nearest neighbour has its label in {100 * agreement:.0f} % of {len(labels)} cases"
        if isinstance(bench.aim, Classes)
        else f"Targets of nearest neighbours have a rank correlation of {agreement:.2f} ({len(labels)} examples)"
    )
    yield Finding(
        "labels-out-of-order",
        "error",
        f"{found}, and a linear model predicts no label of unseen examples better than chance.",
        "Inputs and labels were likely paired in another order; look at a few of them.",
        evidence={"neighbour_agreement": agreement, "examples": float(len(labels))},
        expected="more than chance",
    )


def _probed(bench: Bench, chosen: np.ndarray) -> Tensor:
    """What ridge regression, fitted on the other half, says of each example."""
    features, coded = bench.features(chosen), bench.aim.coded(bench.train.labels[chosen])
    said = np.empty_like(coded)
    halves = np.arange(len(chosen)) % 2
    for half in (0, 1):
        a, b, centre = features[halves != half], features[halves == half], coded[halves != half].mean(0)
        gram = a @ a.T + 0.1 * a.shape[1] * np.eye(len(a))
        said[halves == half] = centre + b @ (a.T @ np.linalg.solve(gram, coded[halves != half] - centre))
    return bench.aim.answers(torch.from_numpy(said))


LABELS = (
    Check(("labels-out-of-order", "labels-corrupt", "augmentation-breaks-labels"), look_at_pairing),
    Check(("augmentation-breaks-labels",), look_at_augmentation),
    Check(("labels-out-of-order",), look_at_data),
)
