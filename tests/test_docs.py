"""The documentation says what the code does: generated pages are current, links and names hold, the site builds."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

TEMPLATE = Path(__file__).resolve().parent.parent
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
DOCS = TEMPLATE / "docs"
sys.path.insert(0, str(DOCS))

import reference  # noqa: E402

PAGES = [TEMPLATE / "README.md", *sorted(DOCS.rglob("*.md"))]
SECTIONS = "goal|data|model|train|improve|search|track|run"
# Made by a run or a person, not by the template; each is a file that the engine or a tool names.
MADE = {
    "LOGBOOK.md", "dvc.lock", "mlflow.db", ".arcane/", ".arcane/journal/", ".arcane/checkpoints/", ".prefect/",
    "mlartifacts/", ".cruft.json", "data/raw", "data/raw.dvc", "reports/test_ledger.jsonl", "data/", "reports/",
    "models/", "models/pretrained/NAME", "models/pretrained/FILE.pth", "models/pretrained/FOLDER",
}  # fmt: skip

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(TEMPLATE).as_posix())


def code_spans(text: str) -> list[str]:
    """What stands between backticks in running text."""
    running = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", running)]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def outputs() -> set[str]:
    """What the stages write, as `dvc.yaml` lists it."""
    stages = yaml.safe_load(reference.rendered(PROJECT / "dvc.yaml"))["stages"]
    outs = [out for stage in stages.values() for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
    return {next(iter(out)) if isinstance(out, dict) else out for out in outs}


@pytest.mark.parametrize("name", reference.PAGES)
def test_generated_pages_are_current(name):
    assert (reference.FOLDER / name).read_text("utf-8") == reference.PAGES[name](), "run `python docs/reference.py`"


def test_a_generated_page_tells_a_parameters_type_bounds_default_and_meaning():
    page = reference.params_page()
    assert "| `model.dropout` | number ≥ 0, < 1 | `0.0` |" in page
    assert "`0.01` for digits, `0.033` for fashion-mnist, `0.06` for cifar10, `0.05` for own (image), " in page
    assert "`lenet` for digits, fashion-mnist, cifar10, own (image), `conv1d` for mnist1d, own (sequence), " in page
    assert "| `train.optimizer` | `adam`, `adamw`, `sgd` | `adam` |" in page


def test_every_parameter_stage_action_and_code_is_on_its_page():
    from arcane.config import known_names
    from arcane.data.validation import CHECKS as OF_DATA
    from arcane.diagnosis.checks import CHECKS as OF_TASK
    from arcane.improvement.actions import ACTIONS
    from arcane.pipeline.stages import STAGES

    params, findings = reference.params_page(), reference.findings_page()
    assert all(f"| `{name}` |" in params for name in known_names() if name == "seed" or "." in name)
    codes = {code for check in (*OF_DATA, *OF_TASK) for code in check.codes}
    assert all(f"#### `{code}`" in findings for check in OF_TASK for code in check.codes)
    assert len(codes) >= 59 and all(f"`{code}`" in findings for code in codes)
    assert all(f"| `{action.name}` |" in reference.actions_page() for action in ACTIONS)
    assert re.findall(r"^## (\w+)$", reference.stages_page(), flags=re.MULTILINE) == list(STAGES)


def test_a_stale_page_is_told(tmp_path, monkeypatch):
    shutil.copytree(reference.FOLDER, tmp_path / "reference")
    page = tmp_path / "reference" / "actions.md"
    page.write_text(page.read_text("utf-8").replace("bigger-model", "huge-model"), encoding="utf-8")
    monkeypatch.setattr(reference, "FOLDER", tmp_path / "reference")
    assert reference.stale() == ["actions.md"]


@pages
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_file(), f"{target} is not there"
        assert not anchor or anchor in anchors(file), f"{target}: no such heading"


@pages
def test_named_files_exist(page):
    from arcane.data.room import FOLDER as INPUTS
    from arcane.pipeline.search import JOURNAL
    from arcane.pipeline.search import REPORT as SEARCH
    from arcane.pipeline.size import PICTURE, REPORT
    from arcane.training.measuring import MEASURED
    from arcane.training.trials import TRIALS

    wanted = re.compile(
        r"^(?:(?:src|data|models|reports|docs|tests|\.arcane|\.prefect)/[\w./-]*|[\w.]+\.(?:yaml|toml|lock|md|db))$"
    )
    kept = (REPORT, PICTURE, SEARCH, JOURNAL, TRIALS, INPUTS, MEASURED)
    written = outputs() | {path.as_posix() for path in kept}
    for span in code_spans(page.read_text("utf-8")):
        if not wanted.match(span) or span in MADE or any(span.rstrip("/") == out for out in written):
            continue
        path = span.replace("PACKAGE", "{{cookiecutter.package_name}}")
        places = (PROJECT, TEMPLATE, PROJECT / "src" / "{{cookiecutter.package_name}}")
        assert any((place / path).exists() for place in places), (
            f"`{span}` is neither in a project nor written by a stage"
        )


@pages
def test_named_commands_exist(page):
    import typer

    from arcane.cli import app

    text = page.read_text("utf-8")
    spans = [span for span in code_spans(text) if "\n" not in span]
    text = "\n".join([*re.findall(r"^    .*", text, flags=re.MULTILINE), *(f"`{span}`" for span in spans)])
    commands = typer.main.get_command(app).commands
    for name in re.findall(r"python -m (?:PACKAGE|digits|arcane) ([a-z.]+)", text):
        assert name in commands, f"no command `{name}`"
    for name, option in re.findall(r"python -m PACKAGE ([a-z.]+)[^`\n]*?(--[a-z-]+)", text):
        assert any(option in param.opts for param in commands[name].params), f"`{name}` has no {option}"
    targets = {
        t
        for file in (TEMPLATE, PROJECT)
        for t in re.findall(r"^([a-z]+):", (file / "Makefile").read_text("utf-8"), re.M)
    }
    for name in re.findall(r"(?:^    |`)make ([a-z]+)", text, flags=re.MULTILINE):
        assert name in targets, f"no target `{name}` in a Makefile"


@pages
def test_named_parameters_exist(page):
    from arcane.config import known_names

    known = set(known_names())
    texts = code_spans(page.read_text("utf-8"))
    names = {name for span in texts for name in re.findall(rf"(?<![\w.])(?:{SECTIONS})\.[a-z_]+(?![\w.(/-])", span)}
    # A tag, a command, and files.
    files = {"data.version", "data.diff", "model.json", "train.py", "search.json", "search.db", "search.journal"}
    assert names - files <= known, f"unknown: {names - files - known}"


@pages
def test_nothing_tells_of_the_machine_it_was_written_on(page):
    found = re.search(r"(?<![\w.])/(?:tmp|work|home|root|Users)/\S*", page.read_text("utf-8"))
    assert found is None, found


def test_the_menu_has_every_page():
    def files(node):
        if isinstance(node, str):
            return [node]
        return [file for each in (node.values() if isinstance(node, dict) else node) for file in files(each)]

    menu = files(tomllib.loads((TEMPLATE / "zensical.toml").read_text("utf-8"))["project"]["nav"])
    assert sorted(menu) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def test_yaml_and_python_examples_are_whole():
    """Examples that a reader will copy: YAML that params take, Python that compiles."""
    from arcane.config import parse_params
    from arcane.improvement.search.tuning import listed_points

    tree = yaml.safe_load(reference.rendered(PROJECT / "params.yaml"))
    seen = 0
    for page in PAGES:
        text = page.read_text("utf-8")
        for block in re.findall(r"^```yaml\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
            example = yaml.safe_load(block)
            if isinstance(example, list):  # of `search manual`
                assert listed_points(example, parse_params(tree, "params.yaml"), page.name)[0]
            else:
                merged = {name: {**tree[name], **values} for name, values in example.items()}
                parse_params({**tree, **merged}, page.name)
            seen += 1
        for block in re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
            compile(block, page.name, "exec")
            seen += 1
    assert seen >= 7


def test_pictures_of_the_summary_tell_no_path(finished_reports, tmp_path):
    import pictures

    pictures.draw_summary(finished_reports, tmp_path / "summary.svg")
    drawing = (tmp_path / "summary.svg").read_text("utf-8")
    assert "reports/report.html" in drawing and str(finished_reports) not in drawing and "http" not in drawing.replace(
        "http://www.w3.org", ""
    ).replace("https://www.textualize.io", "")  # fmt: skip


@pytest.fixture
def finished_reports(tmp_path):
    """The three reports that the closing summary reads, in their smallest form."""
    from arcane.files import write_json

    error = {"value": 0.1, "low": 0.05, "high": 0.2, "n": 100}
    goal = {"value": 0.01, "low": 0.01, "high": 0.01, "n": None}
    models = {name: {"validation": error, "test": error} for name in ("majority", "linear", "baseline", "best")}
    reports = tmp_path / "project" / "reports"
    write_json(reports / "metrics.json", {"models": models, "errors": {"goal": goal}})
    write_json(reports / "diagnosis.json", {"verdict": "Variance first."})
    write_json(reports / "improvement.json", {"rounds": [], "stopped": "budget", "reason": "Spent.", "requests": []})
    return tmp_path / "project"


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    for name in ("zensical.toml", "docs"):
        source = TEMPLATE / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--clean"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "site" / "reference" / "params" / "index.html").read_text("utf-8")
    assert "model.dropout" in page and (tmp_path / "site" / "images" / "report.png").is_file()
