"""What a person sees in the terminal: lines as work proceeds, a moving line while it lasts, the closing summary."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .data.findings import Finding
from .files import read_json

QUIET = 10.0  # seconds between progress lines where there is no terminal to draw on


class Terminal:
    """Prints lines and shows progress; in a pipe it prints a progress line every ten seconds at most.

    Args:
        verbose: Also print what only matters when looking for a cause.
    """

    def __init__(self, verbose: bool = False):
        self.console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
        self.verbose = verbose
        self._bar: Progress | None = None
        self._task: Any = None
        self._last = time.monotonic()

    def say(self, text: str) -> None:
        self.clear()
        if text.startswith(" "):
            self.console.print(text, markup=False, style="dim" if text.startswith("    ") else None)
        else:
            name, colon, rest = text.partition(": ")
            self.console.print(f"[bold]{name}[/]{colon}", end="")
            self.console.print(rest, markup=False)

    def progress(self, text: str, done: float, total: float) -> None:
        """Show that `done` of `total` is done."""
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
        """Show findings so that a tired person sees what, where, and what to do."""
        colours = {"error": "bold red", "warning": "bold yellow", "note": "bold"}
        for finding in findings:
            self.console.print(f"[{colours[finding.severity]}]{finding.severity}: {finding.code}[/]", highlight=False)
            for line in (finding.message, f"at {finding.location}" if finding.location else "", finding.advice):
                if line:
                    self.console.print(f"  {line}", markup=False)

    def clear(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        self._last = time.monotonic()


def percent(error: dict[str, Any] | None) -> str:
    """`1.94 % (0.9 to 4.0)` from an error as reports carry it; the interval is at 95 %."""
    if not error:
        return "–"
    if error.get("low") is None or error["low"] == error["high"]:
        return f"{error['value']:.2%}".replace("%", " %")
    return f"{100 * error['value']:.2f} % ({100 * error['low']:.1f} to {100 * error['high']:.1f})"


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
                percent(model.get("validation")),
                percent(model.get("test")),
                style="bold" if key == "best" else None,
            )
    goal = metrics["errors"]["goal"]
    table.add_row("goal", f"{100 * goal['value']:.2f} %", f"{100 * goal['value']:.2f} %", style="dim")
    console.print()
    console.print(table)
    console.print()
    say = [f"[bold]First verdict[/]  {_plain(diagnosis['verdict'])}"]
    for entry in improvement["rounds"]:
        if entry["kept"]:
            before, after = entry["before"]["validation"], entry["after"]["validation"]
            course = f"validation {before:.2%} → {after:.2%}, p = {entry['p_value']:.2g}"
            say.append(f"[bold]Kept[/]           {entry['action']}: {course}")
    undone = len([entry for entry in improvement["rounds"] if not entry["kept"]])
    say.append(f"[bold]Undone[/]         {undone} of {len(improvement['rounds'])} actions did not help beyond noise")
    say.append(f"[bold]Stopped[/]        {improvement['stopped']}: {_plain(improvement['reason'])}")
    for request in improvement["requests"][:2]:
        say.append(f"[bold]For you[/]        {_plain(request['message'])}")
    say.append(f"[bold]Report[/]         {_shown(root / 'reports' / 'report.html')}")
    for line in say:
        console.print(line)


def _plain(text: str) -> str:
    return text.replace("[", "\\[")


def _shown(path: Path) -> str:
    """The path as short as the working directory allows."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
