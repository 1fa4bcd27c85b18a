"""Shared by all tests: the engine on the import path, and one baked project for those that need one."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
TEMPLATE = Path(__file__).resolve().parent.parent
SOURCE = TEMPLATE / "{{cookiecutter.project_slug}}" / "src"
sys.path.insert(0, str(SOURCE))
