"""What reaches the model's first layer with parameters: finite, varying, and of a scale that it can learn from."""

from collections.abc import Iterator

from torch import Tensor

from ...data.findings import Finding
from ..bench import NORMALISERS, Bench, Seen
from .check import Check

LARGEST_RMS, LEAST_SPREAD = 5.0, 0.01


def look_at_inputs(bench: Bench) -> Iterator[Finding]:
    for mode, seen in (("training", bench.trained), ("evaluation", bench.evaluated)):
        found = _input_finding(bench, mode, seen)
        if found:
            yield found
            return


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
    if rms > LARGEST_RMS:
        return Finding(
            "input-not-normalised",
            "error",
            f"In {mode}, the values that reach the first layer have a root mean square of {rms:.3g}.",
            "Bring inputs to about zero mean and unit variance with the training split's statistics before the first "
            "layer.",
            evidence={"input_rms": rms},
            expected=f"about 1, at most {LARGEST_RMS:g}",
            location=bench.location("forward"),
        )
    if varies and spread < LEAST_SPREAD:
        return Finding(
            "input-over-normalised",
            "error",
            f"In {mode}, the values that reach the first layer spread by only {spread:.2g}.",
            "The inputs are scaled twice (divided by 255 twice, or standardised with statistics of another scale).",
            evidence={"input_spread": spread},
            expected=f"about 1, at least {LEAST_SPREAD:g}",
            location=bench.location("forward"),
        )
    return None


def _not_finite(inputs: Tensor) -> float:
    """Share of the values that are NaN or infinite."""
    return float((~inputs.isfinite()).double().mean())


INPUTS = (
    Check(
        ("input-not-finite", "input-ignored", "input-not-normalised", "input-over-normalised"),
        "Default rates and initialisations assume inputs of unit variance; NaN spreads to everything.",
        "Root mean square above 5 (pixels of 0..255 have 60 to 130, standardised ones 1, their maximum may well be "
        "10), "
        "spread below 0.01 (0..1 has about 0.3; divided by 255 twice it is 0.001). A normalising first layer may get "
        "any.",
        look_at_inputs,
    ),
)
