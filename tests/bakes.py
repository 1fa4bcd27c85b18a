"""Bake a project from this template; used by the tests, by `make lock`, and by hand: `python tests/bakes.py FOLDER`.

Knows cookiecutter and nothing of the engine, so that it runs before the project's packages are installed.
"""

import sys
from pathlib import Path

from cookiecutter.main import cookiecutter

TEMPLATE = Path(__file__).resolve().parent.parent


def bake(folder: Path | str, **options: str) -> Path:
    """Bake a project into `folder` and return its root.

    Args:
        folder: Where the project's folder is made; created when missing.
        options: Answers to the prompts of `cookiecutter.json`; the others keep their defaults, whatever the person who
            runs this has in `~/.cookiecutterrc`.

    Raises:
        cookiecutter.exceptions.FailedHookException: A hook refused the answers.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(
        cookiecutter(str(TEMPLATE), no_input=True, output_dir=str(folder), default_config=True, extra_context=options)
    )


if __name__ == "__main__":
    print(bake(sys.argv[1], **dict(argument.split("=", 1) for argument in sys.argv[2:])))
