"""What is measured at single operations: values that enter losses, layers and comparisons, units that are idle."""

from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import casts, choosing, drawing
from .formulas import COMPARISONS, COUNTS, KEEPING, LOGARITHMS, TOGETHER, errors, reductions
from .formulas import source as behind
from .idle import SQUASHES, Idle
from .labelling import keep_labels
from .summaries import commonest, facts, labels_of, marked
from .trace import Node, Score

LOSSES = frozenset({
    "cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "mse_loss", "l1_loss",
    "smooth_l1_loss", "huber_loss", "kl_div", "poisson_nll_loss", "gaussian_nll_loss", "soft_margin_loss",
    "multi_margin_loss", "hinge_embedding_loss", "multilabel_soft_margin_loss", "multilabel_margin_loss",
})  # fmt: skip
SQUARED = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"})
LAYERS = frozenset({
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "lstm", "gru",
    "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell", "embedding", "embedding_bag",
    "multi_head_attention_forward", "bilinear",
})  # fmt: skip
PRODUCTS = frozenset({"matmul", "rmatmul", "addmm", "bmm", "einsum", "baddbmm", "mv", "tensordot"})
NORMS = frozenset({"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"})
RECTIFIERS = frozenset({"relu", "relu6", "clamp_min", "threshold"})
RANDOM = frozenset({
    "rand", "randn", "rand_like", "randn_like", "bernoulli", "normal", "multinomial", "randperm", "randint", "uniform",
    "poisson", "randint_like", "exponential",
})  # fmt: skip
FRAGILE = frozenset({
    "log", "sqrt", "div", "rdiv", "exp", "pow", "rsqrt", "log2", "log10", "log1p", "reciprocal", "norm",
})  # fmt: skip
MOST = 4000
"""Nodes of a kind kept."""


def layer(node: Node) -> bool:
    """Whether an operation is a layer with parameters of its own."""
    if node.name in LAYERS or node.name in NORMS:
        return any(given.name == "parameter" for given in node.inputs)
    return node.name in PRODUCTS and any(given.name == "parameter" for given in (flat(i) for i in node.inputs))


def flat(node: Node) -> Node:
    """A parameter behind its own transposition."""
    while node.name in ("t", "T", "transpose", "mT", "view", "reshape", "permute") and node.inputs:
        node = node.inputs[0]
    return node


class Measuring:
    """Looks at an operation's values while they are there.

    Args:
        recorder: The recorder, told what a call is for.
    """

    def __init__(self, recorder: Any):
        self.recorder = recorder
        self.idle = Idle(recorder, LAYERS)

    def operation(self, node: Node, given: list[Tensor], kwargs: dict, result: Tensor, raw: Any = None) -> None:
        node.layers = max((i.layers for i in node.inputs), default=0)
        name = node.name
        self.recorder.pushing.meet(node, given)
        if layer(node):
            self._enters(node, given)
            if not self.recorder.modular and node.wants_gradient:
                self.recorder.stepping.start(node, given)
            if not node.layers and not node.calls and not self.recorder.modular:
                entering = next((t for t in given if t.dim() > 1 and not isinstance(t, torch.nn.Parameter)), None)
                if entering is not None and not entering.requires_grad:
                    self.recorder.calling.by_hand(node, entering)
            node.layers += 1
        if name in LOSSES:
            self._loss(node, given, kwargs, result)
        elif name in ("sub", "rsub") and len(given) > 1:
            self._difference(node, given)
        elif name in ("gather", "getitem", "take_along_dim", "index_select") and len(given) > 1:
            choosing.order(node, given, result)
            if node.layers:
                self._picked(node, given)
                choosing.look(self.recorder, node, given, result)
        elif name in COMPARISONS or name in TOGETHER:
            self._comparison(node, given)
        elif name == "argmax" and node.layers and given[0].dim() > 1 and node.calls:
            choosing.largest(self.recorder, node, given[0])
        elif name in COUNTS and not result.requires_grad:
            self._counted(node, given)
        elif name in ("sum", "mean", "count_nonzero"):
            self._reduction(node, given, result)
        elif name == "div" and result.numel() == 1 and node.calls:
            self._divided(node, given)
        elif name in RECTIFIERS or name in SQUASHES:
            self.idle.look(node, result)
        elif name in RANDOM or "dropout" in name:
            drawing.look(self.recorder, node)
        elif name in ("clamp", "clamp_max", "minimum", "clamp_min") and node.layers and result.numel() <= 65536:
            node.facts["changed"] = float((result != given[0]).double().mean()) if given[0].shape == result.shape else 0
        elif name == "mul" and len(given) > 1 and given[0].shape == given[1].shape and result.numel() <= 65536:
            self._product(node, given)
        if name == "mul" and node.layers and len(given) > 1:
            choosing.masked(self.recorder, node, given)
        if name in ("mul", "div") and node.layers and result.requires_grad and len(given) > 1:
            self._factor(node, given)
        casts.look(self.recorder.trace, node, given, result, raw)
        if name in FRAGILE and not bool(result.isfinite().all()) and all(bool(g.isfinite().all()) for g in given):
            node.facts["made_not_finite"] = 1.0

    def _enters(self, node: Node, given: list[Tensor]) -> None:
        """What reaches a layer: the first one, and before the first step each; how many codes reach an embedding."""
        if node.name == "embedding" and given[0].numel() <= 1 << 16 and not given[0].is_floating_point():
            node.facts["codes"] = float(len(given[0].unique()))
            node.facts["codes.common"] = commonest(given[0])
        for source, tensor in zip(node.inputs, given, strict=False):
            data = flat(source).name != "parameter" and tensor.dim() > 1 and tensor.is_floating_point()
            if data and not self.recorder.trace.steps and node.wants_gradient and tensor.numel() <= 1 << 20:
                node.facts["entering.rms"] = float(tensor.detach().double().square().mean().sqrt())
            if source.layers == 0 and flat(source).name != "parameter" and tensor.dim() > 1:
                if tensor.is_floating_point():
                    node.facts |= facts(tensor, "entering.")
                if tensor.is_floating_point() and tensor.dim() == 2 and len(tensor) > 1 and tensor.numel() <= 1 << 16:
                    spread, middle = torch.std_mean(tensor.detach().double(), 0)
                    node.facts["entering.offset"] = float(middle.norm() / spread.norm().clamp_min(1e-12))
                return
            if data:
                return

    def _loss(self, node: Node, given: list[Tensor], kwargs: dict, result: Tensor) -> None:
        scores = kwargs.get("input", given[0])
        targets = kwargs.get("target", given[1] if len(given) > 1 else None)
        node.facts |= facts(scores, "input.") | facts(result, "value.")
        if isinstance(targets, Tensor):
            node.facts |= facts(targets, "target.")
            node.facts["target.distinct"] = float(len(targets.detach().flatten()[:4096].unique()))
            node.facts["target.marked"] = marked(targets)
            node.facts["target.first"] = float(targets.detach().flatten()[:1].sum())
            self._scored(node, scores, targets)
            choosing.leaning(self.recorder, node, scores, targets)
        if result.numel() == 1:
            kind = "loss-sum" if node.options.get("reduction") == "sum" else "loss"
            self._record(kind, float(result.detach()), len(scores) if scores.dim() else 1, node)

    def _scored(self, node: Node, scores: Tensor, targets: Tensor | None, made: int = 0) -> None:
        """Outputs, the operation's argument `made`, met targets."""
        rows = len(scores) if scores.dim() else 0
        labels = labels_of(targets, rows) if targets is not None and rows else np.empty(0)
        calls = self.recorder.trace.calls
        of = node.inputs[made].calls if node.inputs else node.calls
        # Of a pair of calls (twins) or of targets that a model made, labels are not the rows' own.
        taught = any(i.calls - of or i.layers for n, i in enumerate(node.inputs) if n != made)
        given_ = len(of) == 1 and not taught
        for number in of:
            call = calls[number]
            if given_:
                keep_labels(call, labels, targets, rows)
            if given_ and targets is not None:
                self.recorder.captures.target(number, targets)
            self.recorder.score(number)
        in_turn = len({calls[number].model for number in of}) == len(of) > 1  # a decoder behind its encoder
        if targets is not None and targets.dim() < 3 and in_turn and not taught:
            self.recorder.captures.target(max(of), targets)
        if of and not all(calls[number].gradient for number in of) and len(self.recorder.trace.evaluations) < MOST:
            self.recorder.trace.evaluations.append(node)

    def _difference(self, node: Node, given: list[Tensor]) -> None:
        """Outputs and targets that are subtracted by hand."""
        first, second = node.inputs[:2]
        if first.layers and second.layers and first.wants_gradient != second.wants_gradient:
            node.facts |= facts(given[first.wants_gradient], "taught.")
        if bool(first.layers) == bool(second.layers) or not (given[0].is_floating_point() and given[1].dim()):
            return
        scores, targets = (given[0], given[1]) if first.layers else (given[1], given[0])
        if targets.dim() == 0 or second.name == "parameter" or first.name == "parameter":
            return
        node.facts |= facts(scores, "input.") | facts(targets, "target.")
        node.facts["target.distinct"] = float(len(targets.detach().flatten()[:4096].unique()))
        rows = len(scores) if scores.dim() else 0
        calls = self.recorder.trace.calls
        for number in node.calls:
            if calls[number].rows == rows and not len(calls[number].labels):
                calls[number].labels = labels_of(targets, rows)
            if scores.shape == targets.shape:
                self.recorder.captures.target(number, targets)
            self.recorder.score(number)

    def _factor(self, node: Node, given: list[Tensor]) -> None:
        """The least of the given numbers that outputs are multiplied with, or divided by."""
        factors = [t for i, t in zip(node.inputs, given, strict=False) if not (i.layers or t.requires_grad)]
        if len(factors) == 1 and 0 < factors[0].numel() <= 65536:
            node.facts["given.low"] = float(factors[0].detach().min())

    def _product(self, node: Node, given: list[Tensor]) -> None:
        """Outputs times given numbers: a margin, where they are labels."""
        first, second = node.inputs[:2]
        if bool(first.layers) != bool(second.layers) and "parameter" not in (first.name, second.name):
            made, targets = (0, given[1]) if first.layers else (1, given[0])
            node.facts |= facts(targets, "target.")
            if behind(node.inputs[made]).name in LOGARITHMS and node.facts.get("target.whole") == 1:
                node.facts |= facts(given[made], "input.")
                self._scored(node, given[made], targets, made)

    def _picked(self, node: Node, given: list[Tensor]) -> None:
        """Scores of the labels' classes, picked by hand."""
        source = node.inputs[0]
        targets = given[-1]
        if targets.is_floating_point() or targets.dtype == torch.bool or source.layers == 0 or given[0].dim() < 2:
            return
        if not targets.dim() or len(targets) != len(given[0]) or node.inputs[-1].layers:
            return
        if node.name != "gather" and targets.dim() == 1 and len(node.shape) == given[0].dim():
            return  # whole rows in another order, as of packed sequences
        node.facts |= facts(given[0], "input.") | facts(targets, "target.")
        calls = self.recorder.trace.calls
        for number in source.calls:
            if calls[number].rows == len(targets) and len(source.calls) == 1 and not len(calls[number].labels):
                calls[number].labels = labels_of(targets, len(targets))
            self.recorder.score(number)

    def _comparison(self, node: Node, given: list[Tensor]) -> None:
        if not any(i.layers for i in node.inputs) or not node.calls:
            return
        trace = self.recorder.trace
        if len(trace.compared) < MOST:
            trace.compared.append(node)
        if node.name in ("gt", "ge", "lt", "le") and given[0].is_floating_point():
            node.facts |= facts(given[0], "input.")
        if len(given) > 1:
            predicted = 0 if node.inputs[0].layers else 1
            if node.name in ("eq", "ne"):
                self._confused(node, given[predicted], given[1 - predicted])
                for name, side in (("said", given[predicted]), ("labels", given[1 - predicted])):
                    if side.numel() <= 65536:
                        whole = not side.is_floating_point() or (side == side.round()).double().mean()
                        node.facts[f"{name}.whole"] = float(whole)
            self._scored(node, given[predicted], given[1 - predicted], predicted if node.name in TOGETHER else 0)

    def _counted(self, node: Node, given: list[Tensor]) -> None:
        """Answers that are counted by their value."""
        for made, (source, tensor) in enumerate(zip(node.inputs, given, strict=False)):
            if made == 0 and node.name != "bincount":
                continue
            if source.layers and source.calls and not tensor.is_floating_point():
                beside = [t for i, t in zip(node.inputs, given, strict=False) if not i.layers]
                labels = (t for t in beside if t.dim() and t.shape == tensor.shape and not t.is_floating_point())
                self._scored(node, tensor, next(labels, None), made)
                return

    def _confused(self, node: Node, said: Tensor, labels: Tensor) -> None:
        """Which class was said for which, in evaluation."""
        trace = self.recorder.trace
        if said.shape != labels.shape or said.numel() > 4096 or any(trace.calls[n].gradient for n in node.calls):
            return
        if all(bool((side == side.round()).all()) for side in (said, labels) if side.is_floating_point()):
            pairs = zip(said.flatten().long().tolist(), labels.flatten().long().tolist(), strict=True)
            trace.confusions.setdefault((trace.steps, max(node.calls)), Counter()).update(pairs)

    def _reduction(self, node: Node, given: list[Tensor], result: Tensor) -> None:
        source = node.inputs[0] if node.inputs else None
        while source is not None and source.name in KEEPING:
            source = source.inputs[0] if source.inputs else None
        if source is None or result.numel() != 1 or not source.calls:
            return
        if errors(source):
            self._record("loss" if node.name == "mean" else "loss-sum", float(result.detach()), source.shape[0], node)
        if source.name != "eq":
            return
        kind = "accuracy" if node.name == "mean" else "correct"
        self._record(kind, float(result), given[0].numel(), node)

    def _divided(self, node: Node, given: list[Tensor]) -> None:
        """A count of right answers over a number: which number."""
        count = behind(node.inputs[0])
        number = float(given[1]) if len(given) > 1 else node.option("other", 1)
        if count.name in ("sum", "count_nonzero") and count.inputs and isinstance(number, int | float):
            compared = behind(count.inputs[0])
            if compared.name == "eq" and compared.shape:
                self._record("divided", float(number), int(np.prod(compared.shape)), node)

    def taken_out(self, node: Node, number: Tensor) -> None:
        """A number of evaluation leaves torch: whether it is a mean, or a sum, over its batch."""
        kind = "-".join(["shown", *reductions(node, LOSSES)][:2])
        self._record(kind, float(number), self.recorder.trace.calls[max(node.calls)].rows, node)

    def _record(self, kind: str, value: float, rows: int, node: Node) -> None:
        if len(self.recorder.trace.scores) < MOST and node.calls:
            recorder = self.recorder
            recorder.trace.scores.append(
                Score(kind, value, rows, recorder.trace.steps, recorder.tick(), max(node.calls), node.place)
            )
