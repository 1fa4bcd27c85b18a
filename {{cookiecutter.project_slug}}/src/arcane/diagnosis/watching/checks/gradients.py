"""Gradients: whether they arrive, and whether they are of this step alone."""

import re
from collections.abc import Iterator

from ....data.findings import Finding
from ..graph import CUTS, ancestors, flowing
from ..trace import Call, Event, Trace, Weights
from .check import PassiveCheck, found


def named(weights: list[Weights]) -> str:
    names = [w.name or str(list(w.shape)) for w in weights]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def look_at_flow(trace: Trace) -> Iterator[Finding]:
    """Parameters that are held and used, but never get a gradient."""
    used = {
        n.key for call in [trace.backwards[:12]] for b in call for n in ancestors(b.root) if n.name == "parameter"
    }  # fmt: skip
    cut = _cut_parameters(trace)
    for optimiser in trace.optimisers.values():
        seen = {k: w for k, w in optimiser.weights.items() if w.seen >= min(3, optimiser.steps) and w.seen}
        still = {k: w for k, w in seen.items() if w.absent == w.seen or (w.zero + w.absent == w.seen and w.seen >= 3)}
        if not still or len(still) == len(seen):
            continue
        harmed = [w for k, w in still.items() if k in used or k in cut]
        if not any(len(w.shape) > 1 for w in harmed):
            continue  # a bias alone may cancel: before a batch norm, or in a difference of twins
        if all("weight_hh" in w.name for w in harmed) and any(m.embeds for m in trace.models.values()):
            yield found(
                "input-degenerate", "error",
                f"Nothing goes from one step of a row to the next ({named(harmed)} get no gradient): each row of codes "
                "has one step.",
                "Look at what cuts the rows before they reach the recurrent layer.", optimiser.made, "rows of several",
                parameters=len(harmed),
            )  # fmt: skip
            return
        where = next((cut[k] for k in still if k in cut), None)
        yield found(
            "gradient-does-not-flow", "error",
            f"{len(harmed)} parameters that the optimiser holds got no gradient, or only zeros, at all "
            f"{max(w.seen for w in harmed)} steps looked at: {named(harmed)}.",
            "Look for detach(), no_grad(), .data, argmax or numpy behind them, and for dead units.",
            where or optimiser.made, "a gradient for each", parameters=len(harmed),
        )  # fmt: skip
        return
    yield from _nothing_moves(trace)
    yield from _never_reached(trace)


def _nothing_moves(trace: Trace) -> Iterator[Finding]:
    for number, optimiser in trace.optimisers.items():
        seen = [w for w in optimiser.weights.values() if w.seen >= 3]
        begun = next((e.step for e in trace.events if e.kind == "step" and e.subject == number), 0)
        known = {k for m in trace.models.values() for k in m.parameters}
        if seen and all(w.absent + w.zero == w.seen for w in seen) and (set(optimiser.weights) & known or not known):
            cuts = _cut_parameters(trace)
            later = [c for c in trace.calls if c.gradient and c.step >= begun]
            own = any(set(trace.models[c.model].parameters) & optimiser.held for c in later)
            if (own or cuts) and not _goes_elsewhere(trace, optimiser.held):
                yield found(
                    "gradient-does-not-flow", "error",
                    "No parameter of the optimiser got any gradient at the steps looked at.",
                    "Call loss.backward() before the step; look for detach(), no_grad() and new tensors on the way.",
                    next(iter(cuts.values()), None) or optimiser.place, "a gradient for each", parameters=len(seen),
                )  # fmt: skip
                return


def _goes_elsewhere(trace: Trace, held: frozenset[int]) -> bool:
    """Whether gradients reach parameters that no optimiser holds, and none of these: it is the optimiser that errs."""
    anyones = frozenset().union(*(o.held for o in trace.optimisers.values()))
    reached = {n.key for b in trace.backwards[:6] for n in flowing(b.root) if n.name == "parameter"}
    own = {key for m in trace.models.values() for key in m.parameters}
    return bool(reached & own - anyones) and not reached & held


def _never_reached(trace: Trace) -> Iterator[Finding]:
    """Tensors of a program without modules that want a gradient and make the loss, and that no gradient comes to."""
    passes = trace.backwards[:12]
    if trace.modular or len(passes) < 3:
        return
    wanting = {n.key: n for b in passes for n in ancestors(b.root) if n.name == "parameter" and n.wants_gradient}
    reached = {n.key for b in passes for n in flowing(b.root) if n.name == "parameter"}
    lost = [n for key, n in wanting.items() if key not in reached and len(n.shape) > 1]
    if lost:
        cuts = _cut_parameters(trace)
        yield found(
            "gradient-does-not-flow", "error",
            f"{len(lost)} tensors that want a gradient take part in the loss, and no gradient comes to them: of shape "
            f"{', '.join(str(list(n.shape)) for n in lost[:4])}.",
            "Look for detach(), no_grad(), .data, argmax or numpy behind them; a tensor that is made anew has no past.",
            next((cuts[n.key] for n in lost if n.key in cuts), passes[0].place), "a gradient for each",
            parameters=len(lost),
        )  # fmt: skip


def _cut_parameters(trace: Trace) -> dict:
    """Parameters behind an operation that passes no gradient, in training steps' graphs, with the line that cuts."""
    found_at: dict = {}
    seen: set[int] = set()  # what lies behind one cut need not be walked again for the next
    for backward in trace.backwards[:12]:
        for node in ancestors(backward.root):
            if node.name in CUTS and node.layers and not node.wants_gradient:
                for leaf in ancestors(node, lambda other: id(other) not in seen):
                    seen.add(id(leaf))
                    if leaf.name == "parameter":
                        found_at.setdefault(leaf.key, node.place)
            elif node.layers and not node.wants_gradient and not any(i.layers for i in node.inputs):
                for leaf in node.inputs:
                    if leaf.name == "parameter" and leaf.wants_gradient:
                        found_at.setdefault(leaf.key, node.place)
    for node in trace.left:
        for leaf in ancestors(node):
            if leaf.name == "parameter" and leaf.wants_gradient:
                found_at.setdefault(leaf.key, node.place)
    return found_at


def look_at_accumulation(trace: Trace) -> Iterator[Finding]:
    """Steps between which no gradient was set to zero."""
    for optimiser in trace.optimisers.values():
        total = optimiser.zeroed + optimiser.unzeroed
        if optimiser.name == "by hand" or total < 3 or optimiser.unzeroed < 0.8 * total:
            continue
        yield found(
            "gradients-accumulate", "error",
            f"Nothing sets the gradients to zero between steps ({optimiser.unzeroed} of {total}): each step goes along "
            "the sum of all gradients so far.",
            "Call optimizer.zero_grad() once a step, before backward().",
            optimiser.place, "zero_grad once a step", steps=optimiser.unzeroed,
        )  # fmt: skip
        return
    events = trace.events
    if 0 in trace.optimisers and trace.optimisers[0].steps >= 3:
        steps = [e for e in events if e.kind == "step" and e.subject == 0]
        zeros = [e for e in events if e.kind == "zero"]
        if not zeros and not trace.optimisers[0].unzeroed and _by_backward(events):
            yield found(
                "gradients-accumulate", "error",
                f"Nothing sets the gradients to zero between the {len(steps)} steps by hand.",
                "Set each parameter's grad to None (or zero it) after the step.",
                trace.optimisers[0].place, "gradients of one step", steps=len(steps),
            )  # fmt: skip


def _by_backward(events: list[Event]) -> bool:
    """Whether gradients were left in `.grad` by backward(), not returned by autograd.grad."""
    return any(e.kind == "backward" for e in events)


def look_at_clipping(trace: Trace) -> Iterator[Finding]:
    """Clipping that no step follows before the next gradients."""
    events = [e for e in trace.events if e.kind in ("clip", "step", "zero", "backward")]
    good = bad = 0
    where = None
    for i, event in enumerate(events):
        if event.kind != "clip":
            continue
        following = next((e.kind for e in events[i + 1 :] if e.kind != "clip"), None)
        before = next((e.kind for e in reversed(events[:i]) if e.kind != "clip"), None)
        if following == "step" and before == "backward":
            good += 1
        elif following is not None:
            bad += 1
            where = where or event.place
    if bad >= 3 and bad > 3 * good:
        yield found(
            "clip-after-step", "error",
            f"{bad} of {bad + good} times, gradients are clipped where no step follows: after it, or before backward "
            "has made them.",
            "Order: backward(), clip_grad_norm_(), step().",
            where, "clipping between backward and step", clips=bad,
        )  # fmt: skip


def look_at_evaluation(trace: Trace) -> Iterator[Finding]:
    """Backward passes in evaluation."""
    calls = trace.calls
    passes = [e for e in trace.events if e.kind == "backward" and e.calls]
    evaluating = [e for e in passes if all(_evaluates(calls[n], trace) for n in e.calls)]
    training = [e for e in passes if not all(_evaluates(calls[n], trace) for n in e.calls)]
    if evaluating and len(training) >= 2 and {e.place for e in evaluating}.isdisjoint({e.place for e in training}):
        yield _in_evaluation(evaluating, "of a model in eval mode")
        return
    said = [e for e in passes if _speaks_of(e) == "held out"]
    trained = [e for e in passes if _speaks_of(e) == "training"]
    if said and trained and _rows(trace, said).isdisjoint(_rows(trace, trained)):
        yield _in_evaluation(said, "called for by a line that speaks of validation or test")
        return
    stepped = _places_before_steps(trace)
    never = {}
    for event in passes:
        if event.place not in stepped:
            never.setdefault(event.place, []).append(event)
    for place, group in never.items():
        rest = [e for e in passes if e.place != place and e.step > group[0].step]
        # Of steps that were not recorded only the first pass is known by its calls.
        often = len({e.step for e in group}) > 0.5 * trace.steps
        mixed = _same_calls(group, [e for e in trace.events if e.kind == "backward"] if often else passes)
        if len(group) >= 1 and rest and not mixed and not any(calls[n].input_gradient for e in group for n in e.calls):
            yield _in_evaluation(group, "that no step follows")
            return


def _rows(trace: Trace, passes: list[Event]) -> set[int]:
    return {key for e in passes for n in e.calls for key in trace.calls[n].keys.tolist()}


def _speaks_of(event: Event) -> str:
    """Which rows the innermost line above a backward pass that names any speaks of, in the program's own words."""
    for line in event.callers:
        words = re.findall(r"[a-z]+", line.source.lower())
        held = any(word in ("val", "dev", "heldout") or word.startswith(("valid", "test")) for word in words)
        training = any(word.startswith("train") for word in words)
        if held or training:
            return "both" if held and training else "held out" if held else "training"
    return ""


def _same_calls(group: list[Event], passes: list[Event]) -> bool:
    """Whether those passes lie in one step with others (several losses, accumulation)."""
    between = {(e.step) for e in group}
    own = {e.place for e in group}
    with_others = [s for s in between if any(e.step == s and e.place not in own for e in passes)]
    return len(with_others) > 0.5 * len(between) and all(sum(1 for e in group if e.step == s) <= 2 for s in between)


def _evaluates(call: Call, trace: Trace) -> bool:
    modes = call.modes
    return (
        not call.training
        and not call.input_gradient
        and any(c.training and c.learned for c in trace.calls)
        and (modes.dropout_on + modes.norm_on == 0)
    )


def _places_before_steps(trace: Trace) -> set:
    """Lines of the backward passes that a step follows at once."""
    places, last = set(), None
    for event in trace.events:
        if event.kind == "backward":
            last = event
        elif event.kind == "step" and last is not None:
            places.add(last.place)
        elif event.kind == "zero":
            last = None
    return places


def _in_evaluation(group: list[Event], how: str) -> Finding:
    return found(
        "backward-in-evaluation", "error",
        f"{len(group)} backward passes {how}: their gradients go into the next training step, or for nothing.",
        "Evaluate under torch.no_grad(), without backward().",
        group[0].place, "no backward in evaluation", passes=len(group),
    )  # fmt: skip


GRADIENTS = (
    PassiveCheck(
        ("clip-after-step",),
        "Gradients that are clipped after the step were not clipped at all.",
        "Three clips or more, three quarters of them out of order.",
        look_at_clipping,
    ),
    PassiveCheck(
        ("gradients-accumulate",),
        "Old gradients act as momentum that never fades; at a small rate it only looks slow.",
        "No zeroing, of whatever kind, before four fifths of the steps (seen by the gradients' own identity).",
        look_at_accumulation,
    ),
    PassiveCheck(
        ("backward-in-evaluation",),
        "Validation rows are trained on.",
        "No threshold: backward under a call whose line names validation or test rows and not training ones, while "
        "another names those; or at a line of its own, on a model in eval mode while training runs in train mode, or "
        "that no step follows while others have one. Adversarial examples pass.",
        look_at_evaluation,
    ),
    PassiveCheck(
        ("gradient-does-not-flow",),
        "A part that gets no gradient stays as it was drawn.",
        "None or exactly zero at three or more steps, for parameters that take part in the loss.",
        look_at_flow,
    ),
)
