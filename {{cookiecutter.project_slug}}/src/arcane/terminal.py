"""What a person sees in the terminal: lines as work proceeds, a moving line while it lasts, the closing summary."""

import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .data.findings import Finding
from .files import read_json
from .report.words import digits, percent, plain_percent

QUIET = 10.0  # seconds between progress lines where there is no terminal to draw on


class Terminal:
    """Prints lines and shows progress; in a pipe it prints a progress line every ten seconds at most.

    Args:
        verbose: Also print what only matters when looking for a cause.
        stderr: Print there, beside what a watched program prints on stdout.
    """

    def __init__(self, verbose: bool = False, stderr: bool = False):
        stream = sys.stderr if stderr else sys.stdout
        self.console = Console(highlight=False, soft_wrap=not stream.isatty(), stderr=stderr)
        self.verbose = verbose
        self._bar: Progress | None = None
        self._task: Any = None
        self._last = time.monotonic()
        self._lock = threading.RLock()  # progress comes from a thread of its own

    def say(self, text: str) -> None:
        with self._lock:
            self._say(text)

    def _say(self, text: str) -> None:
        self.clear()
        if text.startswith(" "):
            self.console.print(text, markup=False, style="dim" if text.startswith("    ") else None)
        else:
            name, colon, rest = text.partition(": ")
            self.console.print(f"[bold]{name}[/]{colon}", end="")
            self.console.print(rest, markup=False)

    def progress(self, text: str, done: float, total: float) -> None:
        """Show that `done` of `total` is done."""
        with self._lock:
            self._progress(text, done, total)

    def _progress(self, text: str, done: float, total: float) -> None:
        if self.console.is_terminal:
            if self._bar is None:
                columns = (TextColumn("    {task.description}"), BarColumn(30), TimeElapsedColumn())
                self._bar = Progress(*columns, console=self.console, transient=True)
                self._task = self._bar.add_task(text, total=total)
                self._bar.start()
            self._bar.update(self._task, description=text, completed=done, total=total)
        elif time.monotonic() - self._last > QUIET:
            self._last = time.monotonic()
            self.console.print(f"    {text}: {done / total:.0%}", markup=False)
        if done >= total:
            self.clear()

    def findings(self, findings: Iterable[Finding]) -> None:
        """Show findings so that a tired person sees what, where (the line itself), why it matters, and what to do."""
        colours = {"error": "bold red", "warning": "bold yellow", "note": "bold"}
        for finding in findings:
            self.console.print(f"[{colours[finding.severity]}]{finding.severity}: {finding.code}[/]", highlight=False)
            lines = [finding.message]
            if finding.location:
                source = _line(finding.location)
                lines.append(f"at {finding.location}" + (f":  {source}" if source else ""))
            why = _why(finding.code)
            lines += [f"why: {why}"] * bool(why) + [f"do: {finding.advice}"] * bool(finding.advice)
            for line in lines:
                self.console.print(f"  {line}", markup=False)

    def doctor(self, verdict: str, findings: Iterable[Finding]) -> None:
        """Show what the watching doctor found, apart from what the program printed."""
        self.console.print()
        self.console.rule("doctor", align="left", characters="-")
        self.findings(findings)
        self.console.print(verdict, markup=False, style="bold")

    def clear(self) -> None:
        """Take the moving line away."""
        with self._lock:
            if self._bar is not None:
                self._bar.stop()
                self._bar = None
            self._last = time.monotonic()


def with_interval(error: dict[str, Any] | None) -> str:
    """`1.9 % (0.92 to 4.0)` from an error as reports carry it; the interval is at 95 %."""
    if not error:
        return "–"
    return f"{percent(error['value'])} ({digits(error['low'])} to {digits(error['high'])})"


def closing_summary(root: Path, console: Console) -> None:
    """Print the errors, what limits the model, what was kept, and where the page lies, from the project's reports."""
    metrics = read_json(root / "reports" / "metrics.json")
    diagnosis = read_json(root / "reports" / "diagnosis.json")
    improvement = read_json(root / "reports" / "improvement.json")
    table = Table(
        title="Errors, in % (95 % interval)", title_justify="left", box=None, pad_edge=False, padding=(0, 3, 0, 0)
    )
    for column in ("model", "validation", "test"):
        table.add_column(column, justify="left", no_wrap=True)
    names = {"majority": "majority class", "linear": "linear", "baseline": "first network", "best": "improved"}
    for key, name in names.items():
        model = metrics["models"].get(key)
        if model:
            table.add_row(
                name,
                with_interval(model.get("validation")),
                with_interval(model.get("test")),
                style="bold" if key == "best" else None,
            )
    goal = metrics["errors"]["goal"]
    table.add_row("goal", plain_percent(goal["value"]), "", style="dim")
    console.print()
    console.print(table)
    console.print()
    lines = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    lines.add_column(style="bold", no_wrap=True)
    lines.add_column()
    lines.add_row("First verdict", _plain(diagnosis["verdict"]))
    rounds = improvement["rounds"]
    for entry in rounds:
        if entry["kept"]:
            before, after = percent(entry["before"]["validation"]), percent(entry["after"]["validation"])
            # One seed: it was kept together with the action after it, whose seeds decided on both.
            seeds = f"means of {entry['seeds']} seeds" if entry["seeds"] > 1 else "one seed; decided with the next"
            course = f"validation {before} → {after} ({seeds}, p = {entry['p_value']:.2g})"
            lines.add_row("Kept", f"{entry['action']}: {course}")
    undone = [entry for entry in rounds if not entry["kept"]]
    lines.add_row("Undone", f"{len(undone)} of {len(rounds)} actions; the report says why")
    lines.add_row("Stopped", f"{improvement['stopped']}: {_plain(improvement['reason'])}")
    for request in improvement["requests"][:2]:
        lines.add_row("For you", _plain(request["message"]))
    lines.add_row("Report", shown(root / "reports" / "report.html"))
    console.print(lines)


def _plain(text: str) -> str:
    return text.replace("[", "\\[")


def shown(path: Path) -> str:
    """The path as short as the working directory allows."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _line(location: str) -> str:
    """The source line at `file:line`, empty where it cannot be read from here."""
    import linecache

    file, _, line = location.rpartition(":")
    return linecache.getline(str(Path.cwd() / file), int(line)).strip() if line.isdigit() else ""


def _why(code: str) -> str:
    """Why a code matters, in the catalogue's words; empty for a code that is not of the doctor's."""
    from .diagnosis.catalogue import CODES, entry

    return entry(code).why if code in CODES else ""
