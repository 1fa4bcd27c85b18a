"""The engine of an arcane project: data, training, diagnosis, improvement and the pipeline that joins them.

The folder is the same in every project and comes from the template; what is yours lives in the package beside it.
"""

from pathlib import Path

__version__ = (Path(__file__).parent / "VERSION").read_text(encoding="utf-8").strip()
