"""What optimisers hold: every parameter that takes part, and none of another model."""

import math
from collections.abc import Iterator

from ....data.findings import Finding
from ..graph import ancestors, flowing
from ..measuring import flat
from ..trace import Optimiser, Trace
from .check import PassiveCheck, found


def look_at_parameters(trace: Trace) -> Iterator[Finding]:
    """Parameters that want a gradient and are in no optimiser, and optimisers of other parameters."""
    stepped = [o for o in trace.optimisers.values() if o.steps]
    if not any(c.learned for c in trace.calls) and trace.calls:
        return  # the loss hangs on no model: the gradients' check says so
    if not stepped or any(o.name == "by hand" for o in stepped):
        yield from _left_alone(trace, stepped)
        return
    held = frozenset().union(*(o.held for o in stepped))
    yield from _left_alone(trace, stepped)
    yield from _unknown(trace, stepped)
    used: dict[int, str] = {}
    for backward in trace.backwards:
        models = {trace.calls[n].model for n in backward.root.calls}
        known = {k: v for m in models for k, v in trace.models[m].parameters.items()}
        for node in flowing(backward.root):
            if node.name == "parameter" and node.wants_gradient and node.key in known:
                used[node.key] = known[node.key][0]
    own = {key for model in trace.models.values() for key in model.parameters}
    missing = {key: name for key, name in used.items() if key not in held}
    for optimiser in stepped:
        idle = [w for w in optimiser.weights.values() if w.seen and w.absent == w.seen]
        foreign = [k for k, w in optimiser.weights.items() if w.seen and w.absent == w.seen and k not in used]
        unknown = [k for k in foreign if k not in own]
        if foreign and idle and optimiser.steps >= 3 and (len(unknown) > 0 or len(foreign) == len(optimiser.weights)):
            if not missing and len(foreign) < len(optimiser.weights):
                continue  # a part that is not used (yet) is no other model's
            yield found(
                "optimiser-holds-foreign-parameters", "error",
                f"{len(foreign)} of {len(optimiser.held)} parameters of the optimiser never take part "
                "in the loss, while "
                f"{len(missing)} that do are in no optimiser: it was made for another model, or before the model was "
                "changed.",
                "Make the optimiser after the model is complete, from that model's parameters.",
                optimiser.made or optimiser.place, "the trained model's parameters", foreign=len(foreign),
                missing=len(missing),
            )  # fmt: skip
            return
    missing = missing or _thawed(trace, stepped, own)
    if not missing:
        return
    if _none_held(trace, held):
        yield found(
            "optimiser-holds-foreign-parameters", "error",
            f"At the last steps no parameter that takes part in the loss is held by an optimiser ({len(held)} others "
            "are): the model that is trained now is not the one that the optimiser was made for.",
            "Make the optimiser after the model is complete, from that model's parameters.",
            stepped[0].made or stepped[0].place, "the trained model's parameters", missing=len(missing),
        )  # fmt: skip
        return
    names = list(missing.values())
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    # A backbone that is loaded may be left out on purpose; not so a layer behind one that is trained.
    loaded = any(model.loaded for model in trace.models.values()) and not _behind_trained(trace, set(missing), held)
    yield found(
        "parameter-not-in-optimiser", "note" if loaded else "error",
        f"{len(names)} parameters take part in the loss and want a gradient, but no optimiser holds them: {shown}.",
        "Give them to the optimiser, or freeze them on purpose with requires_grad_(False).",
        stepped[0].made or stepped[0].place, "0", parameters=len(names),
    )  # fmt: skip


def _thawed(trace: Trace, stepped: list[Optimiser], own: set[int]) -> dict[int, str]:
    """Parameters that were frozen, want a gradient later, and are held by no optimiser that steps then; with names."""
    last = {number: max(e.time for e in trace.events if e.kind == "step" and e.subject == number)
            for number, o in trace.optimisers.items() if o in stepped}  # fmt: skip
    names = {key: name for model in trace.models.values() for key, (name, _, _) in model.parameters.items()}
    frozen: set[int] = set()
    late: dict[int, str] = {}
    for backward in trace.backwards:
        nodes = [n for n in ancestors(backward.root) if n.name == "parameter" and n.key in own]
        held = frozenset().union(*(trace.optimisers[n].held for n, time in last.items() if time > backward.time))
        if held:
            late |= {n.key: names[n.key] for n in nodes if n.wants_gradient and n.key in frozen - held}
        frozen |= {n.key for n in nodes if not n.wants_gradient}
    return late


def _left_alone(trace: Trace, stepped: list[Optimiser]) -> Iterator[Finding]:
    """Tensors outside of any module that get a gradient in every backward pass, and that no step changes."""
    if not stepped or stepped[0].steps < 5 or len(trace.backwards) < 5 or trace.taking_turns:
        return
    held = frozenset().union(*(o.held for o in stepped))
    known = held.union(*(model.parameters for model in trace.models.values()))
    shapes: dict[int, tuple[int, ...]] = {}
    passes = []
    for backward in trace.backwards[1:12]:  # before the first step a leaf may still be known by how it was made
        rows = {(trace.calls[number].rows,) for number in backward.root.calls}
        inside = {flat(i).key for n in ancestors(backward.root) if n.module for i in n.inputs}
        nodes = [n for n in flowing(backward.root) if n.name == "parameter" and n.wants_gradient and not n.calls]
        passes.append({n.key for n in nodes})
        shapes |= {n.key: n.shape for n in nodes if n.shape[:1] not in rows and n.key not in inside}
    missing = set.intersection(*passes) & set(shapes) - known
    if missing and held & set.union(*passes):
        shown = ", ".join(str(list(shapes[key])) for key in sorted(missing, key=lambda k: shapes[k])[:4])
        yield found(
            "parameter-not-in-optimiser", "error",
            f"{len(missing)} tensors take part in the loss and want a gradient, but no step changes them: of shape "
            f"{shown}.",
            "Change all parameters in the step, or take requires_grad off on purpose.",
            stepped[0].made or stepped[0].place, "0", parameters=len(missing),
        )  # fmt: skip


def _behind_trained(trace: Trace, missing: set[int], held: frozenset[int]) -> bool:
    """Whether a layer that no optimiser holds takes what a layer that one holds gives."""
    for backward in trace.backwards[:4]:
        depths: dict[int, int] = {}
        for node in ancestors(backward.root):
            for given in node.inputs:
                if flat(given).name == "parameter":
                    depths[flat(given).key] = max(depths.get(flat(given).key, 0), node.layers)
        first = min((depth for key, depth in depths.items() if key in held), default=math.inf)
        if any(depth > first for key, depth in depths.items() if key in missing):
            return True
    return False


def _unknown(trace: Trace, stepped: list[Optimiser]) -> Iterator[Finding]:
    """An optimiser none of whose parameters any model holds that was called, while backward passes reach others."""
    called = {key for model in trace.models.values() for key in model.parameters}
    held = frozenset().union(*(o.held for o in stepped))
    learned = {c.model for c in trace.learned}
    left = [m for k, m in trace.models.items() if k in learned and not held & set(m.parameters)]
    twice = [b for a in stepped for b in stepped if a is not b and a.held == b.held]
    if twice and left:
        yield found(
            "optimiser-holds-foreign-parameters", "error",
            f"Two optimisers hold the same {len(twice[-1].held)} parameters, and none holds those of {left[0].name}, "
            "which is trained as well.",
            f"Make one of them from the parameters of {left[0].name}.", twice[-1].made or twice[-1].place,
            "each model's parameters in one optimiser", foreign=len(twice[-1].held),
        )  # fmt: skip
        return
    for optimiser in stepped:
        idle = [w for w in optimiser.weights.values() if w.seen >= 3 and w.absent == w.seen]
        reached = [n for b in trace.backwards[-2:] for n in flowing(b.root) if n.name in ("parameter", "unseen")]
        if not idle or len(idle) < len(optimiser.weights) or optimiser.held & called or not reached:
            continue
        if not any(n.key in optimiser.held for n in reached):
            yield found(
                "optimiser-holds-foreign-parameters", "error",
                f"None of the {len(optimiser.held)} parameters of the optimiser ever gets a gradient, and no model "
                "that is called holds them: the loss goes back to others.",
                "Make the optimiser from the tensors that the loss is made of.",
                optimiser.made or optimiser.place, "the trained model's parameters", foreign=len(optimiser.held),
            )  # fmt: skip
            return


def _none_held(trace: Trace, held: frozenset[int]) -> bool:
    """Whether the last backward passes that were recorded reach no parameter of any optimiser."""
    last = [{n.key for n in flowing(b.root) if n.name == "parameter"} for b in trace.backwards[-2:]]
    return len(last) == 2 and all(keys and not keys & held for keys in last)


PARAMETERS = (
    PassiveCheck(
        ("optimiser-holds-foreign-parameters", "parameter-not-in-optimiser"),
        "A layer that no optimiser holds stays random, and the rest learns around it.",
        "No threshold: by identity, in the loss's graph. Frozen parameters are left out on purpose; beside loaded "
        "weights it is a note.",
        look_at_parameters,
    ),
)
