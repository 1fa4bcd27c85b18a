"""What the engine says to a person when their input or data, not the engine, is wrong."""


class UserError(Exception):
    """The user's input or data is wrong: the message says what, where, what was expected and how to mend it.

    The command line prints it without a traceback and ends with exit code 1.
    """


class DivergedError(UserError):
    """A training's loss stopped being finite: a mistake where a person asked for it, a failed try in the loop."""


class ExaminationError(UserError):
    """The examination found errors in the task or its data (exit code 3)."""
