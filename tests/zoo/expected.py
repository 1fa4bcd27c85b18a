"""What is known of the zoo beforehand: the catalogue's codes, the result that each correct program must reach, and
which correct programs look odd.
"""

import re

SHAPES = "accidental-broadcast output-shape-mismatch softmax-wrong-dim constant-output examples-mixed"
INPUTS = (
    "input-not-normalised input-over-normalised input-not-finite input-casting input-degenerate "
    "pretrained-normalisation-mismatch train-eval-preprocessing-differ input-ignored"
)
LABELS = (
    "labels-out-of-order labels-corrupt label-out-of-range label-format-mismatch single-class data-not-shuffled "
    "augmentation-breaks-labels"
)
LOSS = (
    "loss-expects-logits loss-expects-probabilities activation-on-logits output-range-cannot-reach-targets "
    "loss-target-mismatch loss-at-init-off loss-sign-flipped loss-clipped loss-sum-reduction loss-not-finite"
)
MODEL = (
    "bias-before-batch-norm missing-nonlinearity dead-units saturated-units bad-initialisation "
    "parameter-not-registered batch-norm-batch-too-small"
)
GRADIENTS = (
    "gradient-does-not-flow gradient-vanishing gradient-exploding gradient-not-finite gradients-accumulate "
    "clip-after-step backward-in-evaluation"
)
OPTIMISER = (
    "parameter-not-in-optimiser optimiser-holds-foreign-parameters learning-rate-too-high learning-rate-too-low "
    "schedule-stepped-wrongly"
)
MODE = "train-mode-in-evaluation eval-mode-in-training dropout-active-in-evaluation evaluation-not-deterministic"
FLOW = "train-validation-overlap preprocessing-leak metric-wrong out-of-memory"
CODES = tuple(" ".join([SHAPES, INPUTS, LABELS, LOSS, MODEL, GRADIENTS, OPTIMISER, MODE, FLOW]).split())

# The last number that a program prints, and its bound. Chance is 0.1 for ten classes, 1 for a share unexplained.
ABOVE = {
    "accumulate": 0.93,
    "actor_critic_signs": 0.95,
    "amp_bf16": 0.8,
    "arrows_augmented": 0.95,
    "attention_pool": 0.9,
    "basicblock_onecycle": 0.93,
    "basket_encoder": 0.87,
    "blitz_shapes": 0.93,
    "bucket_stream": 0.93,
    "cached_teacher": 0.93,
    "cancer_bce_logits": 0.93,
    "cancer_bce_sigmoid": 0.97,
    "cancer_rmsprop": 0.94,
    "cells_unet": 0.65,
    "checkpoint_resume": 0.93,
    "churn_folds": 0.83,
    "clock_seq2seq": 0.8,
    "clusters_best": 0.88,
    "communities_gcn": 0.8,
    "compile_guarded": 0.93,
    "contrastive": 0.6,
    "conv1d_signals": 0.93,
    "corridor_reinforce": 7.0,
    "cosine_pairs": 0.85,
    "cox_survival": 0.72,
    "ctc": 0.8,
    "custom_autograd": 0.9,
    "digits_cnn": 0.93,
    "digits_lenet": 0.93,
    "digits_mlp": 0.93,
    "digits_parity": 95.0,
    "distil_teacher": 0.87,
    "distillation": 0.9,
    "ema_weights": 0.93,
    "estimator_cv": 0.95,
    "faults_balanced": 0.75,
    "film_genres": 0.64,
    "finetune_bn_eval": 0.8,
    "finetune_two_stage": 0.82,
    "focal_loss": 0.7,
    "folds_ema": 0.92,
    "frozen_backbone": 0.7,
    "frugal_memory": 0.9,
    "fruit_transfer": 0.85,
    "functional_tensors": 0.93,
    "gan_waves": 0.8,
    "gcn_blocks": 0.72,
    "group_norm_tiny_batches": 0.8,
    "gru_drift": 0.88,
    "heavy_tails": 0.93,
    "hinge_svm": 0.93,
    "homework_stripes": 0.93,
    "imbalanced": 0.6,
    "infonce_probe": 0.8,
    "iris_names": 0.9,
    "iris_nll": 0.9,
    "iris_steps": 0.93,
    "iterable_stream": 0.95,
    "keyword_audio": 0.92,
    "kfold": 0.9,
    "kmers_multilabel": 0.9,
    "label_smoothing": 0.93,
    "lbfgs_logistic": 0.94,
    "leaf_segmentation": 0.7,
    "lightning_digits": 0.85,
    "lit_datamodule": 0.92,
    "lit_glyphs": 0.8,
    "lit_wine_quality": 0.94,
    "loan_csv": 0.85,
    "log_softmax_twice": 0.93,
    "low_digits_transfer": 0.92,
    "lstm_clipped": 0.93,
    "manual_sgd": 0.93,
    "mean_teacher": 0.84,
    "mixture_of_experts": 0.8,
    "mixup": 0.93,
    "mnist_argparse": 0.93,
    "molecule_graphs": 0.85,
    "moons_sigmoid": 0.96,
    "multilabel": 0.72,
    "multitask": 0.93,
    "news_embeddingbag": 0.8,
    "noisy_batches_bn": 0.93,
    "one_cycle": 0.93,
    "packed_lstm": 0.95,
    "pairs_contrastive": 0.91,
    "parameter_groups": 0.95,
    "plain_sgd": 0.88,
    "pretrained_tiny": 0.8,
    "pretrained_torchvision": 0.8,
    "residual": 0.93,
    "residual_trainer": 0.87,
    "review_trainer": 0.78,
    "scaler_disabled": 0.93,
    "segmentation": 0.92,
    "sensor_stream": 0.93,
    "seq2seq_roman": 0.6,
    "sequence_tagging": 0.93,
    "shapes_cnn": 0.88,
    "shifted_digits": 0.86,
    "shop_bpr": 0.42,
    "siamese_bn": 0.8,
    "skipgram_words": 0.85,
    "soft_targets": 0.85,
    "spectra_finetune": 0.9,
    "spiral_raw": 0.9,
    "supcon_signals": 0.95,
    "swa": 0.93,
    "tags_multilabel": 0.65,
    "target_network": 0.99,
    "tenure_hazard": 0.69,
    "texture_finetune": 0.9,
    "transformer_tokens": 0.93,
    "triplet": 0.85,
    "uint8_images": 0.9,
    "uncertain_heads": 0.87,
    "views_when_testing": 0.85,
    "warmup_lambda": 0.9,
    "weighted_sampler": 0.7,
    "wine_cellar": 0.92,
    "wine_trainer": 0.93,
    "workers": 0.9,
}
BELOW = {
    "autoencoder": 0.5,
    "bandit_policy": 0.3,
    "bars_vae": 36.0,
    "bike_notebook": 0.22,
    "blob_counting": 0.4,
    "bottleneck_bce": 0.3,
    "char_lm": 1.5,
    "charformer": 1.15,
    "concrete_early": 3.5,
    "damped_wave": 0.09,
    "denoise_conv": 0.25,
    "density_flow": -0.8,
    "diabetes_patience": 0.65,
    "diabetes_regression": 0.7,
    "digits_averaged": 0.05,
    "early_stopping": 0.7,
    "forecast": 0.5,
    "friedman_trainer": 0.06,
    "gan_ring": 0.35,
    "gan_toy": 0.3,
    "gaussian_nll": -1.0,
    "gpt_tiny": 1.4,
    "gradient_penalty": 0.5,
    "gru_adding": 0.03,
    "housing_notebook": 0.12,
    "huber_outliers": 0.3,
    "lbfgs_regression": 0.02,
    "lightning_manual": 0.3,
    "load_tcn": 0.45,
    "lsgan_line": 0.2,
    "mc_dropout": 0.7,
    "ordinal_grades": 0.9,
    "padded_sets": 0.05,
    "parcel_quantiles": 0.68,
    "pinn_oscillator": 0.1,
    "plateau": 0.7,
    "poisson_counts": 1.9,
    "positive_output": 0.2,
    "quantile_bands": 0.95,
    "recommender": 0.3,
    "sales_windows": 13.0,
    "sample_weights": 0.15,
    "severity_coral": 0.42,
    "stateful_series": 0.3,
    "station_history": 0.09,
    "swish_function": 0.03,
    "syllables_gru": 3.8,
    "tabular_embeddings": 0.6,
    "tied_weights": 1.6,
    "torch_func": 0.1,
    "unicode_print": 0.3,
    "vae": 28.0,
    "vmap_ensemble": 0.05,
    "windows_lstm": 0.15,
}

ODD_BUT_RIGHT = {
    "accumulate": "gradients of four batches are summed before a step, each divided by four",
    "actor_critic_signs": "the loss of an actor may be negative and need not fall, and its rewards are noisy",
    "bandit_policy": "the loss of a policy gradient may be negative, and need not fall",
    "bars_vae": "sums over pixels, and noise in evaluation too, by draws that are the same each time",
    "blob_counting": "the output is a sum over places, and the last bias starts at -3",
    "bucket_stream": "the loader shuffles nothing: the stream is endless, and its batches hold names of like length",
    "cached_teacher": "targets from another model, without gradient, and no second look at that model",
    "communities_gcn": "one batch of all nodes, of which a few have labels; nodes look at each other on purpose",
    "contrastive": "each row's loss depends on the other rows, on purpose",
    "corridor_reinforce": "rows of a batch are the same state; the loss is no measure of progress",
    "cox_survival": "each row's loss depends on the rows before it, which are sorted by their time",
    "custom_autograd": "a straight-through gradient that is not the function's own",
    "density_flow": "a negative loss",
    "digits_parity": "a layer norm after an activation, inputs of -1 to 1, and one output that is flattened to [n]",
    "distillation": "a target without gradient from a second model",
    "faults_balanced": "rows are drawn more than once, and a batch lists the kinds in order, as many of each",
    "finetune_bn_eval": "batch norm in eval mode while training",
    "finetune_two_stage": "batch norm in eval mode while the head is trained, then all layers at another rate",
    "folds_ema": "a copy of the model in no optimiser, a model anew for each fold, and eval() only for the copy",
    "frozen_backbone": "most parameters are not in the optimiser",
    "frugal_memory": "gradients of two batches are summed before a step, and the blocks run twice",
    "fruit_transfer": "most parameters are frozen and in no optimiser",
    "functional_tensors": "no nn.Module",
    "gan_ring": "two optimisers, and labels that are overwritten in place",
    "gan_toy": "two optimisers, and gradients that one of them never uses",
    "gan_waves": "two optimisers, and gradients that one of them never uses",
    "gaussian_nll": "a negative loss",
    "gcn_blocks": "the whole graph is one batch, of training, validation and test nodes, and rows look at each other",
    "gradient_penalty": "a gradient of a gradient, and a loss below nought",
    "group_norm_tiny_batches": "batches of two with group norm",
    "heavy_tails": "standardised inputs of ten deviations",
    "imbalanced": "one positive in twenty",
    "infonce_probe": "a loss over all pairs of the batch, and a part of the model that is thrown away",
    "lbfgs_logistic": "no module, weights that start at zero, double precision, and several backward passes a step",
    "lbfgs_regression": "several backward passes a step",
    "log_softmax_twice": "log-softmax of log-softmax is itself",
    "low_digits_transfer": "a frozen body with batch norm in eval mode while its head is trained",
    "lsgan_line": "a squared error on zeros and ones, two optimisers, and gradients that one of them never uses",
    "manual_sgd": "no optimiser",
    "mc_dropout": "dropout on in evaluation, on purpose",
    "mean_teacher": "a second model in no optimiser, in train mode for its noise",
    "parameter_groups": "a pooled embedding with its own learning rate",
    "pinn_oscillator": "no data and no labels, and a gradient of a gradient in the loss",
    "plain_sgd": "plain SGD at 0.1, and no eval() for a model that needs none",
    "poisson_counts": "counts far above one, for an output that is a logarithm",
    "positive_output": "a last layer of zeros, and softplus at the end",
    "review_trainer": "gradients of two batches are summed before a step, each divided by two",
    "sensor_stream": "nothing is shuffled: the stream is endless and in no order",
    "sequence_tagging": "labels of -100, which the loss ignores",
    "severity_coral": "four outputs of one score, and no bias but ordered thresholds that start apart",
    "shop_bpr": "no labels: what was bought is to be above what is drawn at random",
    "siamese_bn": "two forward passes of one tower for each step",
    "soft_targets": "labels are distributions",
    "spiral_raw": "no module, no optimiser, and a rectifier by clamp",
    "stateful_series": "unshuffled windows whose state goes on",
    "supcon_signals": "each row's loss depends on the other rows, on purpose",
    "syllables_gru": "rows of a batch overlap, since they are random cuts of one text",
    "target_network": "a copy of the model in no optimiser, and labels that move",
    "tenure_hazard": "most months of most rows are masked out, and the last biases start at -2",
    "texture_finetune": "the state dict is loaded without its last layer, and the layers have different rates",
    "tied_weights": "one tensor under two names",
    "torch_func": "no .grad and no optimiser",
    "uncertain_heads": "a loss that may fall below nought, and weights of losses that are learnt",
    "vae": "sums over pixels, and noise in training only",
    "views_when_testing": "augmentation in evaluation, by fixed views",
    "vmap_ensemble": "a model on the meta device, parameters of ten models in one tensor, and a sum of their losses",
    "weighted_sampler": "rows are drawn more than once an epoch",
}

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def result(stdout: str) -> float:
    """The last number that a program printed.

    Raises:
        ValueError: Its last line holds none.
    """
    lines = stdout.strip().splitlines() or [""]
    numbers = NUMBER.findall(lines[-1])
    if not numbers:
        raise ValueError(f"no number in the last line: {lines[-1]!r}")
    return float(numbers[-1])


def learned(program: str, stdout: str) -> bool:
    """Whether the correct program's result keeps its bound."""
    value = result(stdout)
    return value >= ABOVE[program] if program in ABOVE else value <= BELOW[program]
