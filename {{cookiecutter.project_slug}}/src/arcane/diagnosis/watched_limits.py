"""The thresholds of the checks that watch, which `doctor.thresholds` replaces as it does those of the examination.

Defaults come from chance or are round numbers far from what is usual; they accuse none of the correct programs in
`tests/zoo`.
"""

from .limit import Limit

WATCHED: dict[str, Limit] = {
    "watched_casting_overflow": Limit(
        0.001, ("input-casting",), "largest share of values that wrap around in whole numbers, while watching"
    ),
    "watched_casting_cut": Limit(
        0.2, ("input-casting",), "largest share of values that a cast cuts the fraction off, while watching"
    ),
    "watched_casting_lost": Limit(
        0.2, ("input-casting",), "largest share of an array's deviation that a conversion of it loses, while watching"
    ),
    "watched_shift": Limit(
        0.7,
        ("train-eval-preprocessing-differ", "pretrained-normalisation-mismatch"),
        "largest difference of means between phases of a program, in standard deviations",
    ),
    "watched_scale": Limit(
        1.7,
        ("train-eval-preprocessing-differ", "pretrained-normalisation-mismatch"),
        "largest ratio of standard deviations between phases of a program",
    ),
    "watched_feature": Limit(
        5.0,
        ("train-eval-preprocessing-differ",),
        "largest difference of one feature's means between phases, in its larger deviation, where no value is shared",
    ),
    "watched_beyond": Limit(
        3.0,
        ("train-eval-preprocessing-differ",),
        "how far a feature's mean in evaluation may lie beyond all of its values in training, in their range",
    ),
    "constant_columns": Limit(
        0.5, ("input-degenerate",), "largest share of a table's columns without any variance in training"
    ),
    "common_code": Limit(
        0.9, ("input-degenerate",), "largest share of one code within rows of codes, padding aside, of an embedding"
    ),
    "watched_fresh_rows": Limit(0.2, ("input-degenerate",), "least share of different rows in the best batch"),
    "watched_overlap": Limit(
        0.02, ("train-validation-overlap",), "largest share of a program's evaluation rows that training has seen"
    ),
    "windows_cut": Limit(
        0.5,
        ("train-validation-overlap",),
        "largest share of a program's evaluation windows that end in values of training windows",
    ),
    "unit_ratio": Limit(
        5.0,
        ("metric-wrong",),
        "largest distance and ratio of deviations of a metric's targets against those that are learnt",
    ),
    "padding_counted": Limit(
        0.05, ("metric-wrong",), "largest share of the answers that an evaluation counts which belong to padding"
    ),
    "stream_overlap": Limit(
        0.1,
        ("train-validation-overlap",),
        "largest share of evaluation's windows of a text that hold pieces of training's",
    ),
    "near_copies": Limit(
        0.3, ("train-validation-overlap",), "largest share of evaluation rows that are nearly a training row"
    ),
    "redrawn_share": Limit(
        0.1, ("evaluation-not-deterministic",), "largest share of evaluation rows that are others the next time"
    ),
    "pairs_again": Limit(12, ("labels-out-of-order",), "rows that come again from which on their labels are compared"),
    "pairs_differ": Limit(
        0.8, ("labels-out-of-order",), "share of chance at which rows that come again have other labels"
    ),
    "label_changes": Limit(0.2, ("data-not-shuffled",), "least share of chance at which neighbouring labels differ"),
    "batch_classes": Limit(
        0.5, ("data-not-shuffled",), "least share of the classes that draws would bring into a batch"
    ),
    "batch_broad": Limit(
        0.9,
        ("data-not-shuffled",),
        "share of the classes that draws would bring into a batch, from which on its own order says nothing",
    ),
    "input_offset": Limit(
        5.0, ("input-not-normalised",), "distance of columns from nought, in their deviations, that layer norm passes"
    ),
    "renamed_share": Limit(
        0.8, ("labels-corrupt",), "share of predictions that would be right under other names of the classes"
    ),
    "corrupt_share": Limit(
        0.1, ("labels-corrupt",), "share of the clearest rows that carry another label than their inputs say"
    ),
    "crossed_share": Limit(
        0.08,
        ("labels-corrupt", "augmentation-breaks-labels"),
        "share of the clearest training rows whose label is another than evaluation gives such rows",
    ),
    "turned_masks": Limit(
        0.2, ("augmentation-breaks-labels",), "share of training masks that fit their pictures only when turned"
    ),
    "inverted_masks": Limit(
        0.2, ("labels-corrupt",), "share of training masks that mark all but what evaluation's masks mark"
    ),
    "mixed_share": Limit(
        0.3, ("augmentation-breaks-labels",), "weight of other rows of its batch in a training row with one label"
    ),
    "columns_per_class": Limit(
        2.0, ("output-shape-mismatch",), "columns of the outputs for each class that occurs, from which on it is said"
    ),
    "maker_beyond": Limit(
        0.25,
        ("output-range-cannot-reach-targets",),
        "largest part of given rows' range that lies beyond what a model that makes such rows can give",
    ),
    "push_correlation": Limit(
        -0.3, ("loss-sign-flipped",), "least correlation of the push on the outputs with their targets"
    ),
    "endless_fall": Limit(100.0, ("loss-sign-flipped",), "times its size at the start that a loss may fall below zero"),
    "step_largest": Limit(
        0.2, ("learning-rate-too-high",), "longest median step over the weights, where the loss does not fall"
    ),
    "step_least": Limit(1e-5, ("learning-rate-too-low",), "shortest step over the weights, where the loss stays"),
    "step_thrown": Limit(
        3.0, ("learning-rate-too-high",), "longest of the first steps over the weights, where the loss leaps up at once"
    ),
    "path_least": Limit(
        0.05, ("learning-rate-too-low",), "shortest way of all steps over the weights, where the loss hardly falls"
    ),
    "schedule_overrun": Limit(
        1.2, ("schedule-stepped-wrongly",), "times its planned steps that a schedule may be stepped"
    ),
    "schedule_cut": Limit(
        0.35, ("schedule-stepped-wrongly",), "least share of its planned steps that a schedule is stepped"
    ),
    "schedule_early": Limit(
        0.1, ("schedule-stepped-wrongly",), "least share of the rate that is left after an eighth of the steps"
    ),
    "schedule_mean": Limit(
        0.12,
        ("schedule-stepped-wrongly",),
        "least mean rate over its peak, of a decay that is stepped with every batch (to a hundredth: 0.21)",
    ),
    "schedule_warm": Limit(
        0.05, ("schedule-stepped-wrongly",), "least share of its peak that a rate that still rises ends at"
    ),
    "schedule_warm_epochs": Limit(
        0.5,
        ("schedule-stepped-wrongly",),
        "least share of its peak that a rate ends at which is stepped by epochs and still rises",
    ),
    "layer_growth": Limit(
        100.0,
        ("gradient-exploding",),
        "times what enters the first layer that what enters a later one may be, before the first step",
    ),
    "weight_scale": Limit(6.0, ("bad-initialisation",), "largest deviation of initial weights x sqrt(fan in)"),
    "weight_offset": Limit(6.0, ("bad-initialisation",), "largest mean of initial weights x fan in"),
    "weight_scale_least": Limit(0.01, ("bad-initialisation",), "least deviation of initial weights x sqrt(fan in)"),
    "watched_dead_share": Limit(
        0.75, ("dead-units",), "largest share of rectified units that are 0 at every late step"
    ),
    "watched_saturated_share": Limit(
        0.7, ("saturated-units",), "largest share of activations at their bounds at every late step"
    ),
    "output_spread": Limit(
        1e-6, ("constant-output",), "least spread of the outputs over the rows of a batch, of their size"
    ),
    "rows_difference": Limit(
        1e-4, ("examples-mixed",), "largest change of a row's output by the other rows, of the outputs' spread"
    ),
    "learnt_share": Limit(
        0.9, ("labels-out-of-order",), "share of what knowing nothing costs below which a program has learnt"
    ),
}
