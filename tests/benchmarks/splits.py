"""Whether splits of the size that the rule asks for measure as promised: the whole rule, simulated.

For each setting the rule counts the examples that `data.detect` (or `data.confidence_width`) takes, that many are
drawn, and the test (or the interval) is made as the engine makes it, again and again. Promised: power 0.80 ± 0.03 and
coverage 0.95 ± 0.02. The last two columns of the first table hold Connor's closed form against it, and the power of the
improvement loop's own test, which is one-sided and exact.

    python tests/benchmarks/splits.py [REPEATS]
"""

import math
import sys
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
import conftest  # noqa: E402, F401  (puts the engine on the path)

from arcane.data.rates import Average, Rate  # noqa: E402
from arcane.data.splits.sizes import OfAverages, OfRates  # noqa: E402


def main(repeats: int) -> None:
    """Print four tables."""
    rng = np.random.default_rng(0)
    power_of_rates(rng, repeats)
    coverage_of_rates(rng, repeats)
    power_of_averages(rng, repeats // 10)
    coverage_of_averages(rng, repeats // 10)


def power_of_rates(rng: np.random.Generator, repeats: int) -> None:
    print(
        "classes, McNemar's test\ndiscordance  detect  examples   power  at n of Connor's  Connor's power  loop's power"
    )
    for discordance in (0.02, 0.05, 0.1, 0.2):
        for detect in (0.005, 0.01, 0.02, 0.05, 0.1):
            rule = OfRates(discordance=discordance)
            n, connor = rule.pairs_needed(detect), math.ceil(rule.roughly_needed(detect))
            power, loop = simulated_power(rng, rule, n, detect, repeats)
            closed, _ = simulated_power(rng, rule, connor, detect, repeats)
            print(f"{discordance:11} {detect:7} {n:9,} {power:7.3f} {connor:17,} {closed:15.3f} {loop:13.3f}")


def simulated_power(
    rng: np.random.Generator, rule: OfRates, n: int, difference: float, repeats: int
) -> tuple[float, float]:
    """The share of draws in which McNemar's test tells two models apart, and the loop's exact one-sided test does."""
    from scipy.stats import binom

    discordance = max(rule.discordance, difference)
    shares = [(discordance + difference) / 2, (discordance - difference) / 2, 1 - discordance]
    b, c, _ = rng.multinomial(n, shares, repeats).T
    told = np.abs(b - c) / np.sqrt(np.maximum(b + c, 1)) > 1.959964
    return float(told.mean()), float((binom.cdf(c, b + c, 0.5) < 0.05).mean())


def coverage_of_rates(rng: np.random.Generator, repeats: int) -> None:
    print("\nclasses, Wilson's interval\nerror   width  examples  coverage  mean width")
    for error in (0.01, 0.05, 0.1, 0.3, 0.5):
        for width in (0.01, 0.02, 0.04, 0.1):
            n = OfRates(error=error).examples_for_width(width)
            wrong, times = np.unique(rng.binomial(n, error, repeats), return_counts=True)
            intervals = [Rate(int(each), n).interval() for each in wrong]
            covered = np.average([low <= error <= high for low, high in intervals], weights=times)
            mean = np.average([high - low for low, high in intervals], weights=times)
            print(f"{error:5} {width:7} {n:9,} {covered:9.3f} {mean:11.4f}")


def power_of_averages(rng: np.random.Generator, repeats: int) -> None:
    print("\nregression, paired t test on squares of normal residuals\ncorrelation  detect  examples   power")
    for correlation in (0.5, 0.8, 0.95):
        for detect in (0.05, 0.1, 0.2):
            rule = OfAverages(correlation=correlation)
            n = rule.pairs_needed(detect)
            told = [paired_t(rng, rule, n, detect) > t_quantile(n) for _ in range(repeats)]
            print(f"{correlation:11} {detect:7} {n:9,} {np.mean(told):7.3f}")


def t_quantile(n: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, n - 1))


def paired_t(rng: np.random.Generator, rule: OfAverages, n: int, difference: float) -> float:
    """The paired t statistic's size for two models whose residuals are normal and correlated."""
    mix = rule.correlation**0.25  # residuals correlated by r have squares correlated by r²
    shared, own, other = rng.normal(size=(3, n))
    first, second = (mix * shared + math.sqrt(1 - mix**2) * each for each in (own, other))
    differences = rule.error * (first**2 - second**2) + difference
    return float(abs(differences.mean()) / (differences.std(ddof=1) / math.sqrt(n)))


def coverage_of_averages(rng: np.random.Generator, repeats: int) -> None:
    print("\nregression, interval of the mean squared error\n width  examples  coverage  mean width")
    for width in (0.04, 0.1, 0.2, 0.4):
        rule = OfAverages()
        n = rule.examples_for_width(width)
        errors = (rng.normal(size=n) ** 2 * rule.error for _ in range(repeats))
        intervals = [Average(each.mean(), each.std(ddof=1), n).interval() for each in errors]
        covered = np.mean([low <= rule.error <= high for low, high in intervals])
        print(f"{width:6} {n:9,} {covered:9.3f} {np.mean([high - low for low, high in intervals]):11.4f}")


if __name__ == "__main__":
    main(int((sys.argv[1:] or ["100000"])[0]))
