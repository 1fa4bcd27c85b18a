"""Labels against images: what a step pairs, and whether the data's own pairing is better than chance."""

from collections.abc import Iterator

import numpy as np
import torch

from ...data.findings import Finding
from ..bench import Bench
from .check import Check

NEIGHBOURS = 1000
CHANCE = 0.01


def look_at_pairing(bench: Bench) -> Iterator[Finding]:
    """Match what reaches the first layer in training with what reaches it in evaluation, and compare the labels."""
    seen, plain = bench.trained, bench.evaluated
    _, labels = bench.batch()
    inputs, reference = seen.first_input, plain.first_input
    if inputs is None or reference is None or inputs.shape != reference.shape or len(inputs) != len(labels):
        return
    targets = seen.targets
    if targets is None or targets.shape != labels.shape or targets.is_floating_point():
        targets = labels
    distances = torch.cdist(inputs.flatten(1).double(), reference.flatten(1).double())
    nearest = distances.argmin(dim=1)
    agreement = float((labels[nearest] == targets).double().mean())
    share = float(torch.bincount(labels, minlength=bench.classes).max()) / len(labels)
    bench.measurements["pairing_agreement"] = agreement
    same_images = float(distances.min(dim=1).values.median()) <= 1e-3 * float(reference.double().norm(dim=-1).mean())
    if same_images and agreement < 0.9 and not torch.equal(nearest, torch.arange(len(nearest), device=nearest.device)):
        code, what = "labels-out-of-order", "The step reorders the images but not the labels"
    elif same_images and agreement < 0.9:
        code, what = "labels-out-of-order", "The step gives the loss other labels than the batch holds"
    elif (
        not same_images and agreement < max(0.3, (1 + share) / 4) and not _better_than_chance(labels[nearest], targets)
    ):
        code, what = (
            "augmentation-breaks-labels",
            "What the transforms make of an image is nearest to images of other classes",
        )
    else:
        return
    yield Finding(
        code,
        "error",
        f"{what}: label and image agree for {100 * agreement:.0f} % of a training batch.",
        "Apply the same order to images and labels."
        if code == "labels-out-of-order"
        else "Look at augmented images; use changes that a person would give the same label.",
        evidence={"agreement": agreement},
        expected="100 %" if code == "labels-out-of-order" else "well above chance",
        location=bench.location("training_step"),
    )


def look_at_augmentation(bench: Bench) -> Iterator[Finding]:
    """Let a copy learn plain images, and ask it about those that training makes of others."""
    seen, plain = bench.trained, bench.evaluated
    if seen.first_input is None or plain.first_input is None or seen.first_input.shape != plain.first_input.shape:
        return
    if torch.equal(seen.first_input, plain.first_input):
        return
    learnt, held_out = bench.learnt_plainly
    labels = held_out[1]
    task = bench.still(learnt)
    asked = bench.watch(task, held_out)
    outputs = asked.outputs
    # The step may have reordered images and labels alike.
    labels = asked.targets if asked.targets is not None and asked.targets.shape == labels.shape else labels
    plain_right = 1 - bench.error(learnt, held_out)
    if outputs is None or outputs.shape != (len(labels), bench.classes):
        return
    right = float((outputs.argmax(1) == labels).double().mean())
    bench.measurements |= {"plain_accuracy": plain_right, "augmented_accuracy": right}
    if plain_right > 0.5 and right < 0.5 * plain_right:
        yield Finding(
            "augmentation-breaks-labels",
            "error",
            f"A model that knows {100 * plain_right:.0f} % of unseen images as they are knows {100 * right:.0f} % of "
            "them "
            "after the training transforms: these make other things of them.",
            "Look at augmented images; use changes that a person would give the same label.",
            evidence={"plain_accuracy": plain_right, "augmented_accuracy": right},
            expected="at least half of the accuracy on plain images",
            location=bench.location("training_step"),
        )


def look_at_data(bench: Bench) -> Iterator[Finding]:
    """Does the nearest other image carry the same label more often than chance?"""
    chosen = bench.order[:NEIGHBOURS]
    labels = bench.train.labels[chosen]
    if len(chosen) < 200:
        return
    pixels = bench.train.inputs[chosen].reshape(len(chosen), -1).astype(np.float64)
    pixels = (pixels - pixels.mean(0)) / np.maximum(pixels.std(0), 1.0)
    squares = (pixels**2).sum(1)
    distances = squares[:, None] + squares[None] - 2 * pixels @ pixels.T
    np.fill_diagonal(distances, np.inf)
    neighbours = labels[distances.argmin(1)]
    bench.measurements["neighbour_agreement"] = float((neighbours == labels).mean())
    found = torch.from_numpy(neighbours), torch.from_numpy(labels)
    probed = torch.from_numpy(_linear_probe(pixels, labels, bench.classes))
    if _better_than_chance(*found) or _better_than_chance(probed, found[1]):
        return
    yield Finding(
        "labels-out-of-order",
        "error",
        f"An image's nearest neighbour has its label in {100 * float((neighbours == labels).mean()):.0f} % of "
        f"{len(labels)} cases, "
        "and a linear model predicts no label of unseen images better than chance.",
        "Images and labels were likely paired in another order; look at a few of them.",
        evidence={"neighbour_agreement": float((neighbours == labels).mean()), "examples": float(len(labels))},
        expected="more than chance",
    )


def _linear_probe(pixels: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Labels predicted by ridge regression fitted on the other half."""
    predicted = np.empty_like(labels)
    halves = np.arange(len(labels)) % 2
    for half in (0, 1):
        a, b = pixels[halves != half], pixels[halves == half]
        gram = a @ a.T + 0.1 * a.shape[1] * np.eye(len(a))
        predicted[halves == half] = (b @ (a.T @ np.linalg.solve(gram, np.eye(classes)[labels[halves != half]]))).argmax(
            1
        )
    return predicted


def _better_than_chance(predicted: torch.Tensor, labels: torch.Tensor) -> bool:
    """Whether they agree more often than independent ones of the same shares would (one-sided binomial test)."""
    from scipy.stats import binomtest

    classes = int(max(predicted.max(), labels.max())) + 1
    shares = [torch.bincount(side, minlength=classes).double() / len(side) for side in (predicted, labels)]
    chance = float((shares[0] * shares[1]).sum())
    return bool(binomtest(int((predicted == labels).sum()), len(labels), chance, alternative="greater").pvalue < CHANCE)


LABELS = (
    Check(
        ("labels-out-of-order", "augmentation-breaks-labels"),
        "A label that belongs to another image teaches noise.",
        "Unchanged images must keep 90 % of their labels; changed ones must be nearest to images of their class more "
        "often "
        "than chance (binomial test, 1 %).",
        look_at_pairing,
    ),
    Check(
        ("augmentation-breaks-labels",),
        "Training on images that mean something else is training on wrong labels.",
        "Accuracy on augmented images below half of that on plain ones: shifts, turns by 10 degrees and mirroring "
        "leave 65 % "
        "or more on digits, upside-down images 30 to 45 %.",
        look_at_augmentation,
    ),
    Check(
        ("labels-out-of-order",),
        "Shuffled labels can be memorised, so that only new data would show the mistake.",
        "Neither the nearest neighbour nor a linear model beats chance (binomial test, 1 %) on 200 to 1,000 examples.",
        look_at_data,
    ),
)
