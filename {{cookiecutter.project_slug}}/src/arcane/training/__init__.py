"""The training room: drives a task over packed examples, keeps trials, and reads and writes models.

Must not know: what is done with the outcome (diagnosis, improvement), nor Prefect, DVC or MLflow.
What a task needs is importable from here.
"""

from .augmentation import augment
from .mixing import mix
from .optimisers import configure_optimizer

__all__ = ["augment", "configure_optimizer", "mix"]
