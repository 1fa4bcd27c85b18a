"""The doctor that watches: what a training program really does, seen through PyTorch's own extension points.

`with watch() as report:` in a notebook; `doctor train.py` from the command line. Works without a project.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..examine import Examination
from .report import Watched, findings_of


@contextmanager
def watch(*, steps: int | None = None, accept: tuple[str, ...] = (), show: bool = True) -> Iterator[Watched]:
    """Watch the training inside the block.

    Weights, random state, modes and output are the same as without it.

    Args:
        steps: Leave the block after so many optimiser steps; None lets it finish.
        accept: Codes that are reported as notes.
        show: Print the findings on stderr at the end.

    Yields:
        The report, which is filled when the block ends.
    """
    from .patches import Patches
    from .program import conclude
    from .recorder import Recorder, StopProgram
    from .showing import look_at_globals

    report, recorder = Watched(), Recorder(steps)
    patches = Patches(recorder)
    variables = sys._getframe(2).f_globals
    patches.install()
    try:
        yield report
        recorder.trace.ended = True
    except StopProgram:
        pass
    except BaseException as error:
        recorder.crashed(error)
        raise
    finally:
        recorder.guarded(look_at_globals, recorder, variables)
        patches.remove()
        conclude(report, recorder, accept)
        if show:
            from ...terminal import Terminal

            Terminal(stderr=True).doctor(report.verdict, report.findings)


__all__ = ["Examination", "Watched", "findings_of", "watch"]
