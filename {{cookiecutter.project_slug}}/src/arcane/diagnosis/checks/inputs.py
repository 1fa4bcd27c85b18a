"""What reaches the model's first layer with parameters: finite, varying, and of a scale that it can learn from."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...data.findings import Finding
from ..bench import NORMALISERS, Bench, Seen
from .check import Check


def look_at_inputs(bench: Bench) -> Iterator[Finding]:
    """Each mode; where one alone has a scale of its own, the difference is the mechanism."""
    found = [_input_finding(bench, *each) for each in (("training", bench.trained), ("evaluation", bench.evaluated))]
    differ = _difference(bench)
    of_scale = ("input-not-normalised", "input-over-normalised")
    if differ and (None in found or differ.severity == "error"):
        found = [each for each in found if each is None or each.code not in of_scale]
        yield differ
    there = [each for each in found if each is not None]
    yield from there[:1]


def _by_channel(values: Tensor) -> Tensor:
    """[channels, values]: of images and sequences by channel, of rows by column."""
    return values.detach().double().transpose(0, 1).flatten(1)


def _difference(bench: Bench) -> Finding | None:
    """The same examples as they reach the first layer in training and in evaluation, channel by channel."""
    first, second = bench.trained.first_input, bench.evaluated.first_input
    if first is None or second is None or first.ndim < 2 or first.shape[1] != second.shape[1]:
        return None
    if not (first.is_floating_point() and second.is_floating_point()):
        return None
    train, evaluation = _by_channel(first), _by_channel(second)
    varied = evaluation.std(1) > 1e-6
    if not bool(train.isfinite().all() and evaluation.isfinite().all() and varied.any()):
        return None
    if first.shape == second.shape and torch.equal(first, second):
        return None
    train, evaluation = train[varied], evaluation[varied]
    if float(train.std()) < 1e-9:
        return None  # nothing reaches the model in training: `input-ignored`
    spread = evaluation.std(1)
    # The middle channel of many: augmentation may empty one, a preprocessing changes all; of three or fewer, the most.
    middle = torch.median if len(spread) > 3 else torch.max
    shifts = (train.mean(1) - evaluation.mean(1)).abs() / spread
    shift = float(middle(shifts))
    scale = math.exp(float(middle((train.std(1).clamp_min(1e-9) / spread).log().abs())))
    bench.measurements |= {"train_eval_shift": shift, "train_eval_scale": scale}
    if shift <= bench.limit("input_shift") and scale <= bench.limit("input_scale"):
        return None
    return Finding(
        "train-eval-preprocessing-differ",
        "error",
        "The same examples reach the first layer otherwise in training than in evaluation: means "
        f"{shift:.2g} standard deviations apart, standard deviations {scale:.3g} times.",
        "Put what both need into forward, and only augmentation into training_step.",
        evidence={"shift": shift, "scale": scale},
        expected=f"at most {bench.limit('input_shift'):g} and {bench.limit('input_scale'):g} times",
        location=bench.location("training_step"),
    )


def look_at_casting(bench: Bench) -> Iterator[Finding]:
    """Whole numbers on the way of the inputs: what overflowed, and what was cut off."""
    for mode, seen in (("training", bench.trained), ("evaluation", bench.evaluated)):
        if seen.cast is None:
            continue
        kind, lost = seen.cast
        bench.measurements["casting_loss"] = max(lost, bench.measurements.get("casting_loss", 0.0))
        if kind == "overflow" and lost > 0:
            what = f"{100 * lost:.3g} % of the input values overflow the whole numbers that they are computed in"
        elif lost > bench.limit("casting_loss"):
            what = f"a cast to whole numbers changes the input values by {100 * lost:.3g} % of their spread on average"
        else:
            continue
        yield Finding(
            "input-casting",
            "error",
            f"In {mode}, {what}.",
            "Convert to float before any arithmetic, and back only after rounding.",
            evidence={"lost": lost},
            expected="0",
            location=bench.place(seen, "cast", "forward"),
        )
        return


def look_at_degenerate(bench: Bench) -> Iterator[Finding]:
    """How many of a batch's different examples are still different at the first layer."""
    examples = bench.batch()[0]
    distinct = _distinct(examples)
    for mode, seen in (("training", bench.trained), ("evaluation", bench.evaluated)):
        inputs = seen.first_input
        if inputs is None or len(inputs) != len(examples) or distinct < 8 or not inputs.is_floating_point():
            continue
        left = _distinct(inputs)
        bench.measurements[f"distinct_share_{mode}"] = left / distinct
        if 1 < left < bench.limit("input_distinct") * distinct:
            yield Finding(
                "input-degenerate",
                "error",
                f"In {mode}, {distinct} different examples reach the first layer as only {left} different ones.",
                "Look for a clamp, a rounding, a wrong index or a crop that leaves the same of all.",
                evidence={"different": float(distinct), "left": float(left)},
                expected=f"{distinct}",
                location=bench.location("forward"),
            )
            return


def _distinct(rows: Tensor) -> int:
    return len({row.tobytes() for row in rows.detach().cpu().numpy()})


def look_at_pretrained(bench: Bench) -> Iterator[Finding]:
    """What reaches the first layer against what the weights were trained with, as their files or layers tell it."""
    seen, examples = bench.evaluated, bench.batch()[0]
    as_images = seen.entered is not None and seen.entered.ndim == examples.ndim  # a flattening layer may come first
    inputs = seen.entered if as_images else seen.first_input
    if inputs is None or inputs.ndim < 2 or not bool(inputs.isfinite().all()):
        return
    expected = _wanted(bench, examples)
    if expected is not None and expected[0].shape == (inputs.shape[1],):
        mean, std = (side.double() for side in expected)
        got = _by_channel(inputs)
        shift = float(((got.mean(1) - mean).abs() / std.clamp_min(1e-9)).max())
        scale = math.exp(float((got.std(1).clamp_min(1e-9) / std.clamp_min(1e-9)).log().abs().max()))
    else:
        fresh = [norm for norm in bench.evaluated.norms[:1] if norm.shift == norm.shift]
        if not fresh:
            return
        shift, scale = fresh[0].shift, math.exp(abs(math.log(max(fresh[0].scale, 1e-9))))
    bench.measurements |= {"pretrained_shift": shift, "pretrained_scale": scale}
    by_layer = expected is None
    # Other data moves a layer's statistics too, by up to a deviation.
    most_shift = bench.limit("pretrained_shift") * (8 if by_layer else 1)
    most_scale = bench.limit("pretrained_scale") * (2 if by_layer else 1)
    if shift > most_shift or scale > most_scale:
        what = (
            "the first batch norm's running statistics" if by_layer else "the normalisation of the pre-trained weights"
        )
        yield Finding(
            "pretrained-normalisation-mismatch",
            "warning" if by_layer else "error",
            f"What the model gets is {shift:.2g} standard deviations away from {what}, and {scale:.3g} times as wide "
            "or narrow: the weights were trained on inputs of another scale.",
            "Normalise as the weights were trained: take mean and deviation from their description (model.json, or "
            "`weights.transforms()` of torchvision).",
            evidence={"shift": shift, "scale": scale},
            expected=f"at most {most_shift:g} and {most_scale:g} times",
            location=bench.location("forward"),
        )


def _wanted(bench: Bench, examples: Tensor) -> tuple[Tensor, Tensor] | None:
    """Mean and deviation by channel that these examples would have as the pre-trained weights know them."""
    folder = getattr(getattr(getattr(bench.original, "params", None), "model", None), "pretrained", None)
    if folder and bench.root and examples.ndim > 2:
        from ...training.pretrained import Pretrained

        known = Pretrained(Path(bench.root) / folder).statistics
        return _as_normalised(examples, known.mean, known.std)
    for module in bench.original.modules():
        for value in vars(module).values():
            declared = _transforms(value)
            if declared is not None:
                return _as_normalised(examples, *declared)
    return None


def _transforms(value: Any) -> tuple[Any, Any] | None:
    """Mean and deviation that torchvision's weights declare; None for anything else."""
    transforms = getattr(value, "transforms", None)
    if type(value).__module__.partition(".")[0] != "torchvision" or not callable(transforms):
        return None
    preset = transforms()
    mean, std = getattr(preset, "mean", None), getattr(preset, "std", None)
    return None if mean is None or std is None else (mean, std)


def _as_normalised(examples: Tensor, mean: Any, std: Any) -> tuple[Tensor, Tensor] | None:
    numbers = examples.double() / 255 if examples.dtype == torch.uint8 else examples.double()
    if len(mean) not in (numbers.shape[1], 3):
        return None
    channels = _by_channel(numbers).nan_to_num().expand(len(mean), -1)
    centre, width = (torch.tensor(side, dtype=torch.float64) for side in (mean, std))
    return (channels.mean(1) - centre) / width, channels.std(1) / width


def _input_finding(bench: Bench, mode: str, seen: Seen) -> Finding | None:
    inputs, examples = seen.first_input, bench.batch()[0]
    if inputs is None or not inputs.is_floating_point():
        return None
    absent, entered = 0.0, inputs if seen.entered is None else seen.entered
    if examples.is_floating_point():
        # NaN is what is absent, and the model may fill it; more than the data lacks was made on the way.
        absent, examples = _not_finite(examples), examples.nan_to_num()
    made, left = _not_finite(entered) - absent, _not_finite(inputs)
    if made > 1e-6 or left:
        return Finding(
            "input-not-finite",
            "error",
            f"In {mode}, {100 * max(made, left):.3g} % of the values that reach the "
            f"{'first layer' if left else 'model'} are NaN or infinite{' beside what is absent' if absent else ''}.",
            "Look for a division by a standard deviation of zero or a logarithm in the transforms"
            + ("; and let the model fill what is absent." if absent and left else "."),
            evidence={"not_finite": max(made, left), "absent": absent},
            expected="0",
            location=bench.location("forward"),
        )
    rms = float(inputs.double().pow(2).mean().sqrt())
    spread = float(inputs.double().std())
    bench.measurements |= {f"input_rms_{mode}": rms, f"input_spread_{mode}": spread}
    varies = bool((examples[1:] != examples[:-1]).any())
    if varies and len(inputs) == len(examples) and not bool((inputs[1:] != inputs[:-1]).any()):
        return Finding(
            "input-ignored",
            "error",
            f"In {mode}, every example of a batch reaches the first layer as the same values (root mean square "
            f"{rms:.3g}).",
            "Look for zeroed or overwritten inputs in the step, in forward or in the transforms.",
            evidence={"input_spread": spread, "input_rms": rms},
            expected="values that differ between examples",
            location=bench.location("training_step" if mode == "training" else "forward"),
        )
    if isinstance(seen.first_layer, NORMALISERS):
        return None
    if rms > bench.limit("input_rms"):
        return Finding(
            "input-not-normalised",
            "error",
            f"In {mode}, the values that reach the first layer have a root mean square of {rms:.3g}.",
            "Bring inputs to about zero mean and unit variance with the training split's statistics before the first "
            "layer.",
            evidence={"input_rms": rms},
            expected=f"about 1, at most {bench.limit('input_rms'):g}",
            location=bench.location("forward"),
        )
    if varies and spread < bench.limit("input_spread"):
        return Finding(
            "input-over-normalised",
            "error",
            f"In {mode}, the values that reach the first layer spread by only {spread:.2g}.",
            "The inputs are scaled twice (divided by 255 twice, or standardised with statistics of another scale).",
            evidence={"input_spread": spread},
            expected=f"about 1, at least {bench.limit('input_spread'):g}",
            location=bench.location("forward"),
        )
    return None


def _not_finite(inputs: Tensor) -> float:
    """Share of the values that are NaN or infinite."""
    return float((~inputs.isfinite()).double().mean())


INPUTS = (
    Check(("input-casting",), look_at_casting),
    Check(
        (
            "train-eval-preprocessing-differ", "input-not-finite", "input-ignored", "input-not-normalised",
            "input-over-normalised",
        ),
        look_at_inputs,
    ),
    Check(("input-degenerate",), look_at_degenerate),
    Check(("pretrained-normalisation-mismatch",), look_at_pretrained),
)  # fmt: skip
