"""LOGBOOK.md: what limited, what was tried and why, what happened; appended to, never rewritten.

People write in the same file. An entry is found again by the digest in its comment, so the same round adds nothing, and
what is already in the file stays byte for byte.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from ..files import digest, replacing
from .rounds import Round

HEADER = """# Logbook

What was tried, and what came of it. `improve` adds an entry a round; write between them whatever you like.
"""


def append_rounds(path: Path, rounds: Sequence[Round], regression: bool = False) -> int:
    """Add an entry for each round that the logbook does not hold yet.

    Args:
        path: LOGBOOK.md; made with a heading where it is missing.
        rounds: Tried actions, in order.
        regression: Their errors are shares of a variance.

    Returns:
        How many entries were added.
    """
    old = path.read_bytes() if path.exists() else HEADER.encode()
    added = b""
    count = 0
    for tried in rounds:
        marker = f"<!-- round:{round_digest(tried)} -->"
        if marker.encode() not in old + added:
            added += f"\n{marker}\n{entry(tried, regression)}".encode()
            count += 1
    if added:
        gap = b"" if old.endswith(b"\n") or not old else b"\n"
        with replacing(path, "wb") as file:
            file.write(old + gap + added)
    return count


def round_digest(tried: Round) -> str:
    """The identity of a round: a digest of everything that the report says of it."""
    return digest(json.dumps(tried.as_json(), sort_keys=True))[:16]


def entry(tried: Round, regression: bool = False) -> str:
    """A round in plain words, as Markdown."""
    of_variance = " of the variance" if regression else ""
    change = ", ".join(f"`{name}` {old} → {new}" for name, (old, new) in tried.change.items())
    before = tried.before
    return "\n".join(
        [
            f"## Round {tried.round}: {tried.action} — {tried.outcome}",
            "",
            f"- What limits: {tried.dominant.replace('_', ' ')} (training error {_percent(before['train'])}, "
            f"validation error {_percent(before['validation'])}{of_variance}).",
            f"- Tried, against {tried.addresses}: {change or 'nothing yet'}.",
            f"- Expected: {tried.why}",
            f"- What happened: {_outcome(tried)}{tried.reason}",
            "",
        ]
    )


def _outcome(tried: Round) -> str:
    """The errors after the action; nothing where its training diverged and left none."""
    if tried.after is None:
        return ""
    errors = f"training error {_percent(tried.after['train'])}, validation error {_percent(tried.after['validation'])} "
    if not tried.seeds:
        return f"{errors}after {tried.epochs} epochs. "
    return f"{errors}({_seeds(tried.seeds)}, p = {tried.p_value:.2g}). "


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"mean of {count} seeds"


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"
