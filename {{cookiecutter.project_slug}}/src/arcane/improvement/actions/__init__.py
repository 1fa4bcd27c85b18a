"""The improvement actions: small named changes of the params, each with its reason, in the order of RECIPE 5.1.

A new one is an `Action` in the tuple of its family, or in the list of the person's `actions.py`. Actions see params and
a few facts about the data; they know nothing of acceptance.
"""

from .action import Action, Change, Context, Discovery, Family, Means
from .choice import ACTIONS, apply, changes, choose_actions, discover, known_actions

__all__ = [
    "ACTIONS",
    "Action",
    "Change",
    "Context",
    "Discovery",
    "Family",
    "Means",
    "apply",
    "changes",
    "choose_actions",
    "discover",
    "known_actions",
]
