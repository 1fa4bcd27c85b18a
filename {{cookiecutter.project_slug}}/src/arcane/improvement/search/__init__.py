"""Hyper-parameter search: a space, a method that proposes, a journal that survives kills, and the study that runs them.

A study's course depends on (space, method, seed) and on what its trials measured, never on slots or their timing. Must
not know projects or trackers: a trial is started by a function that the caller gives.
"""

from .space import Dimension, default_space, parse_space

__all__ = ["Dimension", "default_space", "parse_space"]
