"""Improvement actions of your own: `improve` tries them beside the engine's and keeps what helps beyond noise.

An action is a name, the family of causes it answers, a reason, and a change of the params. This one tries a smaller
batch while the model under-fits:

    def smaller_batch(params: Params, context: Context) -> Change:
        return {"train.batch_size": params.train.batch_size // 2}

    ACTIONS = [
        Action(
            "smaller-batch",
            addresses="under-fitting",
            why="More steps in the same number of epochs.",
            change=smaller_batch,
            applies=lambda params, context: params.train.batch_size >= 32,
        )
    ]

with `from arcane.improvement.actions import Action, Change, Context` and `from arcane.config import Params`. Its
place in the family is after the engine's tuning and before the last resorts; `order=1` puts it first (RECIPE's
numbers), and `improve.actions` in params.yaml lists the actions to try, in order.

`context` knows the example's `spec`, the number of training `examples`, and the `course` of the validation loss. An
action that must train or measure before it can name its change has `discover` in place of `change`.
"""

from arcane.improvement.actions import Action

ACTIONS: list[Action] = []
