"""Which actions a run has, and what an action makes of params."""

import difflib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...config import Params
from ...errors import UserError
from .action import Action, Change, Context, Discovery, Means
from .over_fitting import OVER_FITTING
from .shift import SHIFT
from .under_fitting import UNDER_FITTING

ACTIONS: tuple[Action, ...] = (*UNDER_FITTING, *OVER_FITTING, *SHIFT)
"""The engine's actions."""

RESHAPING = ("model.name", "model.width")
"""With another of these no weight of `model.pretrained` fits any more: a training would end in an error."""


def known_actions(own: Sequence[Action] = ()) -> dict[str, Action]:
    """Every action by name.

    Args:
        own: The person's.

    Raises:
        UserError: A person's action has a name that is taken.
    """
    known = {action.name: action for action in ACTIONS}
    for action in own:
        if action.name in known:
            raise UserError(f"actions.py: an action named `{action.name}` is there already; give yours another name")
        known[action.name] = action
    return known


def choose_actions(own: Sequence[Action] = (), wanted: Sequence[str] | None = None) -> tuple[Action, ...]:
    """The actions of a run, in the order in which a family tries them.

    Args:
        own: The person's actions; they join their family by their `order`.
        wanted: `improve.actions`: only these, in this order; None for all in the recipe's order.

    Raises:
        UserError: A name is unknown (the nearest is offered), or a person's action has a name that is taken.
    """
    known = known_actions(own)
    if wanted is None:
        return tuple(sorted(known.values(), key=lambda action: action.order))
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(sorted(known))}"
            raise UserError(f"params.yaml: improve.actions: unknown action `{name}`: {hint}")
    return tuple(known[name] for name in dict.fromkeys(wanted))


def apply(action: Action, params: Params, context: Context) -> Params | None:
    """The params after `action`, or None where it does not apply, would change nothing, or has to look first.

    Raises:
        UserError: The action names an unknown parameter or gives a value that does not fit.
    """
    if action.discover is not None or not action.applies(params, context):
        return None
    return changed_by(action, params, action.change(params, context))


def discover(action: Action, params: Params, context: Context, means: Means) -> tuple[Params | None, Discovery]:
    """The params after an action that has to look first, with what it saw; None where there is nothing to change.

    Raises:
        UserError: As `apply`; or what its trials raise.
    """
    if action.discover is None or not action.applies(params, context):
        return None, Discovery({})
    found = action.discover(params, context, means)
    after = changed_by(action, params, found.change)
    return after, found if after is not None else replace(found, change={})


def changed_by(action: Action, params: Params, change: Change) -> Params | None:
    """The params with an action's change; None where that is none.

    Pre-trained weights that cannot fit the changed network are given up with the change, which then says so.

    Raises:
        UserError: It names an unknown parameter or gives a value that does not fit.
    """
    try:
        changed = params.changed(change)
        if "model.pretrained" not in change and any(changed.value(each) != params.value(each) for each in RESHAPING):
            changed = changed.changed({"model.pretrained": None})
    except UserError as error:
        raise UserError(f"action `{action.name}`: {error}") from None
    return None if changed == params else changed


def changes(before: Params, after: Params) -> dict[str, list[Any]]:
    """What differs under `model` and `train`: `[old, new]` by dotted name."""
    return {
        f"{section}.{name}": [old, new]
        for section in ("model", "train")
        for name, old in getattr(before, section).model_dump(mode="json").items()
        if (new := getattr(after, section).model_dump(mode="json")[name]) != old
    }
