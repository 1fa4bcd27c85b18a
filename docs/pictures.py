"""Makes every picture of the documentation from a finished project: `python docs/pictures.py PROJECT`.

The report's first screens as a PNG by headless Chromium, the closing summary of a run as an SVG by rich.
"""

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import chdir
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent.parent
IMAGES = TEMPLATE / "docs" / "images"
WIDTH, HEIGHT = 1280, 1410  # down to the course of the errors
COLUMNS = 100

sys.path.insert(0, str(TEMPLATE / "{{cookiecutter.project_slug}}" / "src"))


def shoot_report(project: Path, picture: Path) -> None:
    """Photograph the first screens of the report, light, 1280 pixels wide."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("no Chromium on this machine: install `chromium`")
    page = (project / "reports" / "report.html").resolve()
    with tempfile.TemporaryDirectory() as profile:
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        flags += ["--disable-component-update", "--disable-sync", "--hide-scrollbars", f"--user-data-dir={profile}"]
        flags += [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={picture}"]
        subprocess.run([chromium, *flags, page.as_uri()], check=True, capture_output=True, timeout=120)


def draw_summary(project: Path, picture: Path) -> None:
    """Render the closing summary of the project's run as it stands in a terminal."""
    from rich.console import Console

    from arcane.terminal import closing_summary

    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print("$ make run", style="dim")
    with chdir(project):  # the summary names the page as seen from here
        closing_summary(Path.cwd(), console)
    drawing = console.export_svg(title=project.resolve().name, unique_id="summary")
    # A page that shows it must not fetch fonts from elsewhere.
    drawing = re.sub(r"@font-face \{.*?\}\s*", "", drawing, flags=re.DOTALL)
    picture.write_text(drawing, encoding="utf-8", newline="\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("project", type=Path, help="the root of a project after `make run`")
    project = parser.parse_args().project
    IMAGES.mkdir(parents=True, exist_ok=True)
    shoot_report(project, IMAGES / "report.png")
    draw_summary(project, IMAGES / "summary.svg")
    print(*sorted(IMAGES.iterdir()), sep="\n")


if __name__ == "__main__":
    main()
