"""Writes the pages of docs/reference/ that follow from code: `python docs/reference.py`, or `--check` to compare only.

Reads the engine and the template's own files, so that a page cannot say what the code does not.
"""

import argparse
import ast
import inspect
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

TEMPLATE = Path(__file__).resolve().parent.parent
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
FOLDER = TEMPLATE / "docs" / "reference"
SHAPE, CLASSES, EXAMPLES = (1, 28, 28), tuple("0123456789"), 1000  # what an action may ask about, for the actions' page

if str(PROJECT / "src") not in sys.path:
    sys.path.insert(0, str(PROJECT / "src"))


def datasets() -> dict[str, tuple[str, ...]]:
    """The answers to `dataset`, by modality, as the hook that checks them lists them."""
    tree = ast.parse((TEMPLATE / "hooks" / "pre_gen_project.py").read_text("utf-8"))
    values = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "DATASETS"]
    return ast.literal_eval(values[0])


def rendered(path: Path, dataset: str = "digits", modality: str = "image") -> str:
    """A file of the template as a project on `dataset` has it."""
    from jinja2 import Environment

    answers = {"modality": modality, "dataset": dataset, "package_name": "PACKAGE", "project_slug": "PROJECT"}
    return Environment(keep_trailing_newline=True).from_string(path.read_text("utf-8")).render(cookiecutter=answers)


def cell(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def value(of: object) -> str:
    """A value as it stands in YAML."""
    if isinstance(of, tuple):
        of = list(of)
    return f"`{json.dumps(of, ensure_ascii=False)}`" if not isinstance(of, str) else f"`{of}`"


def page(title: str, lead: str, *parts: str) -> str:
    return "\n".join([f"# {title}\n", lead + "\n", *parts]).rstrip() + "\n"


# params.md


def comments(text: str) -> dict[str, str]:
    """What params.yaml says behind each name, by dotted name."""
    found, section = {}, ""
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        if not colon or line.startswith("#"):
            continue
        if not line.startswith(" "):
            section = name
        dotted = f"{section}.{name.strip()}" if line.startswith(" ") else name
        found[dotted] = rest.partition("# ")[2].strip()
    return found


def accepts(schema: dict[str, Any]) -> str:
    """The values that a JSON schema allows, in words."""
    if "anyOf" in schema:
        return " or ".join(accepts(part) for part in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    kind = {
        "integer": "whole number",
        "number": "number",
        "string": "text",
        "array": "list",
        "object": "names and values",
    }
    words = [kind.get(schema.get("type", ""), schema.get("type", "any"))]
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    words += [f"{sign} {schema[name]:,}" for name, sign in bounds.items() if name in schema]
    if "pattern" in schema:
        words.append(f"as `{schema['pattern']}`")
    if schema.get("type") == "null":
        return "`null`"
    return words[0] + (f" {', '.join(words[1:])}" if words[1:] else "")


def known_values() -> dict[str, tuple[str, ...]]:
    """Names that a registry of the engine defines."""
    from arcane.data.sources import source_names
    from arcane.models import model_names
    from arcane.training.augmentation import augmentation_names

    return {"data.source": source_names(), "model.name": model_names(), "train.augmentation": augmentation_names()}


def params_page() -> str:
    import yaml

    from arcane.config import Params

    texts = {
        dataset if dataset != "own" else f"own ({modality})": rendered(PROJECT / "params.yaml", dataset, modality)
        for modality, chosen in datasets().items()
        for dataset in chosen
    }
    trees = {dataset: yaml.safe_load(text) for dataset, text in texts.items()}
    said, known, parts = comments(texts["digits"]), known_values(), []
    schema = Params.model_json_schema()
    top = {"seed": schema["properties"]["seed"]}
    sections = [("seed", "", "", top)]
    for name, field in Params.model_fields.items():
        if name != "seed":
            kind: Any = field.annotation
            sections.append(
                (name, name + ".", inspect.getdoc(kind) or "", schema["$defs"][kind.__name__]["properties"])
            )
    for title, prefix, lead, fields in sections:
        rows = []
        for name, field in fields.items():
            dotted = prefix + name
            values = {dataset: tree[title][name] if prefix else tree[name] for dataset, tree in trees.items()}
            default = value(values["digits"]) if dotted != "data.source" else "as chosen"
            if dotted != "data.source" and len(set(map(value, values.values()))) > 1:
                default = ", ".join(
                    f"{shown} for {', '.join(d for d, v in values.items() if value(v) == shown)}"
                    for shown in dict.fromkeys(map(value, values.values()))
                )
            takes = ", ".join(f"`{each}`" for each in known[dotted]) if dotted in known else accepts(field)
            meaning = field.get("description") or said[dotted]
            rows.append([f"`{dotted}`", cell(takes), cell(default), cell(meaning)])
        parts += [
            f"## {title}\n",
            *([lead + "\n"] if lead else []),
            table(["name", "takes", "new project", "what it is"], rows),
        ]
    lead = (
        "Every name that `params.yaml` may hold. A name that is not here, or a value outside its bounds, stops every "
        "command with one line that says where and what was expected.\n\n"
        "Change one by editing the file, or by `python -m PACKAGE run --set NAME=VALUE`, which writes it into the file "
        "first (comments stay). `python -m PACKAGE fit --set NAME=VALUE` uses a value for that one training and leaves "
        "the file as it is."
    )
    return page("Parameters", lead, *parts)


# findings.md


# A finding, and what makes one of the same first four arguments.
MAKERS = ("Finding", "_of_columns")


def literal(node: ast.expr | None) -> Iterator[str]:
    """The constant texts that an expression can be."""
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from literal(body)
            yield from literal(orelse)


def findings_made(module: ModuleType) -> Iterator[tuple[str, tuple[str, ...], str | None]]:
    """(code, severities, advice) of each `Finding(...)` in a module, read from its source."""
    tree = ast.parse(inspect.getsource(module))
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        texts = {
            node.value for node in ast.walk(function) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        for call in [node for node in ast.walk(function) if isinstance(node, ast.Call)]:
            if isinstance(call.func, ast.Name) and call.func.id in MAKERS and len(call.args) >= 4:
                codes = list(literal(call.args[0])) or sorted(texts)  # a code held in a variable: any of the function's
                advice = " Or: ".join(literal(call.args[3])) or None
                for code in codes:
                    yield code, tuple(literal(call.args[1])), advice


def catalogue(modules: list[ModuleType]) -> dict[str, tuple[list[str], list[str]]]:
    """Severities and pieces of advice by code."""
    found: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for module in modules:
        for code, severities, advice in findings_made(module):
            found[code][0].extend(each for each in severities if each not in found[code][0])
            if advice and advice not in found[code][1]:
                found[code][1].append(advice)
    return found


def doctor_parts() -> Iterator[str]:
    """The doctor's catalogue, a heading for each code below one for each row of the recipe's table."""
    from arcane.diagnosis.catalogue import SECTIONS, entries, how_to_silence
    from arcane.diagnosis.limits import LIMITS

    for section in SECTIONS:
        yield f"### {section[0].upper()}{section[1:].replace('-', ' ')}\n"
        for entry in (each for each in entries().values() if each.section == section):
            ways = {"examine": "`examine`", "watch": "`doctor SCRIPT`"}
            yield f"#### `{entry.code}`\n"
            yield f"**{entry.title[0].upper()}{entry.title[1:]}.** {entry.what}\n"
            yield f"*Why it matters:* {entry.why}\n"
            yield (
                f"*Measured* ({', '.join(entry.severity)}; by {' and '.join(ways[way] for way in entry.found_by)}): "
                f"{entry.measured}\n"
            )
            yield f"*Mend it:* {entry.mend}\n"
            if entry.wrong:
                yield f"```py\n# wrong\n{entry.wrong}\n# right\n{entry.right}\n```\n"
            rows = [
                [f"`{name}`", f"{LIMITS[name].default:g}", healthy(LIMITS[name].healthy), cell(LIMITS[name].says)]
                for name in entry.thresholds
            ]
            if rows:
                yield table(["`doctor.thresholds`", "default", "correct tasks reach", "compared"], rows)
            if entry.silence:
                yield f"{how_to_silence(entry)}\n"


def healthy(extreme: float | None) -> str:
    """The extreme over correct tasks, of `tests/benchmarks/healthy.py`."""
    return "–" if extreme is None else f"{extreme:.3g}"


def findings_page() -> str:
    from arcane.data import validation
    from arcane.spec import MODALITIES

    inside = [module for name, module in sys.modules.items() if name.startswith(f"{validation.__name__}.")]
    made = catalogue(sorted(inside, key=lambda module: module.__name__))
    parts = [
        "## Of the data\n",
        "`validate` writes them into `reports/validation.json`; `split`, which looks at the splits, those of the last "
        "heading into `reports/splits.json`.\n",
    ]
    for codes, look, modalities in (
        *((check.codes, check.look, check.modalities) for check in validation.CHECKS),
        (("split-drift",), validation.drift, MODALITIES),
    ):
        meaning = (inspect.getdoc(look) or "").partition("`: ")[2]
        about = " ".join(meaning.split("\n\n")[0].split())
        only = "" if modalities == MODALITIES else f" Of modality {', '.join(modalities)}."
        rows = [
            [f"`{code}`", ", ".join(made[code][0]), cell(" ".join(made[code][1][:1])) or "named with the finding"]
            for code in codes
        ]
        parts.append(f"### {', '.join(f'`{code}`' for code in codes)}\n")
        parts.append(f"{about[0].upper()}{about[1:]}{only}\n")
        parts.append(table(["code", "severity", "advice"], rows))
    parts += [
        "## Of the task, or of any training program\n",
        "The doctor's catalogue. `examine` (the stage, or the command `doctor` in a project) trains copies of the task "
        "on small batches before anything long; `doctor SCRIPT` watches any program. `doctor explain CODE` shows the "
        "same text in the terminal. [What the doctor does](../explanation/doctor.md).\n\nTo silence one: a comment "
        "`# arcane: ignore[CODE]` on its line, `data.accept` (it is then a note) or `doctor.silence` (it is then not "
        "reported); `doctor.thresholds` sets the thresholds of the tables, by name.\n",
        *doctor_parts(),
    ]
    lead = (
        "Everything that `validate` and `examine` can find. An **error** stops the pipeline, a **warning** asks for a "
        "look, a **note** only informs. A code in `data.accept` of `params.yaml` lets an error through: see "
        "[accept a finding](../how-to/accept-a-finding.md)."
    )
    return page("Findings", lead, *parts)


# actions.md


def actions_page() -> str:
    import yaml

    from arcane.config import parse_params
    from arcane.improvement.actions import ACTIONS, Context, apply, changes
    from arcane.spec import Spec

    params = parse_params(yaml.safe_load(rendered(PROJECT / "params.yaml")), "params.yaml")
    context = Context(Spec("image", SHAPE, CLASSES), EXAMPLES)
    parts = []
    for family in ("under-fitting", "over-fitting", "distribution shift"):
        rows = []
        for action in sorted((each for each in ACTIONS if each.addresses == family), key=lambda each: each.order):
            changed = apply(action, params, context)
            shown = changes(params, changed) if changed else {}
            does = ", ".join(f"`{name}` {old} → {new}" for name, (old, new) in shown.items()) or "nothing there"
            if action.discover is not None:
                does = (inspect.getdoc(action.discover) or "looks first").split("\n\n")[0]
            rows.append([f"{action.order:g}", f"`{action.name}`", cell(does), cell(action.why), cell(action.cost)])
        head = ["order", "name", "what it does to a new project on digits", "why", "cost"]
        parts += [
            f"## Against {family}\n",
            table(head, rows),
        ]
    lead = (
        "What the improvement loop can try, in the order within each family. `improve.actions` in `params.yaml` takes "
        "a list of these names to try only those, in that order. [Your own actions](../how-to/own-action.md) join them."
    )
    return page("Improvement actions", lead, *parts)


# stages.md


def stages_page() -> str:
    import yaml

    stages = yaml.safe_load(rendered(PROJECT / "dvc.yaml"))["stages"]
    parts = []
    for name, stage in stages.items():
        outs = []
        for out in (each for kind in ("outs", "metrics", "plots") for each in stage.get(kind, [])):
            path, options = next(iter(out.items())) if isinstance(out, dict) else (out, {})
            outs.append(f"`{path}` ({'git' if options.get('cache') is False else 'DVC'})")
        facts = [
            ["reads", ", ".join(f"`{each}`" for each in stage["deps"])],
            ["params", ", ".join(f"`{each}`" for each in stage.get("params", []))],
            ["writes", ", ".join(outs)],
        ]
        if stage.get("meta"):
            facts.append(["meta", ", ".join(f"`{key}: {json.dumps(of)}`" for key, of in stage["meta"].items())])
        parts += [
            f"## {name}\n",
            f"{stage['desc'][0].upper()}{stage['desc'][1:]}. `{stage['cmd']}`\n",
            table(["", ""], facts),
        ]
    lead = (
        "The graph as `dvc.yaml` writes it; that file is the only place of it. A stage runs when something under "
        "*reads* or *params* changed, whoever asks: `run`, `dvc repro` or a Prefect deployment. `src/arcane/VERSION` "
        "stands for the whole engine. Under *writes*, DVC keeps the heavy outputs in its cache, and git keeps the "
        "small ones.\n\nTwo append-only files are not outputs: `improve` adds to `LOGBOOK.md`, `report` to "
        "`reports/test_ledger.jsonl`."
    )
    return page("Stages", lead, *parts)


# commands.md


def commands_page() -> str:
    import typer

    from arcane import cli

    command: Any = typer.main.get_command(cli.app)
    parts = []
    for name, each in command.commands.items():
        arguments = [p for p in each.params if p.param_type_name == "argument"]
        options = [p for p in each.params if p.param_type_name == "option" and p.name != "help"]
        usage = f"python -m PACKAGE {name}" + "".join(
            f" {p.name.upper()}{'...' if p.nargs != 1 else ''}" for p in arguments
        )
        parts.append(f"## {name}\n\n    {usage}{' [OPTIONS]' if options else ''}\n\n{each.help}\n")
        if options:
            rows = []
            for p in options:
                shown = "" if p.default is None else f" (default `{p.default}`)"
                again = "; may be given again" if p.multiple else ""
                rows.append([f"`{p.opts[0]} {p.metavar or 'VALUE'}`", cell(f"{p.help}{shown}{again}")])
            parts.append(table(["option", ""], rows))
    codes = " ".join((cli.__doc__ or "").split()).partition("Exit codes: ")[2].partition(".")[0]
    everywhere = ", ".join(f"`{p.opts[0]}` {p.help}" for p in command.params if p.opts and p.name != "help")
    lead = (
        "`python -m PACKAGE COMMAND`, `python -m arcane COMMAND`, or the console script named after the project: all "
        f"the same, anywhere inside the project. Before the command: {everywhere}. `--help` is there for each.\n\n"
        f"Exit codes: {codes}, 130 stopped by Ctrl-C."
    )
    return page("Commands", lead, *parts)


PAGES: dict[str, Callable[[], str]] = {
    "params.md": params_page,
    "findings.md": findings_page,
    "actions.md": actions_page,
    "stages.md": stages_page,
    "commands.md": commands_page,
}


def stale() -> list[str]:
    """Names of the pages that are not what the code gives."""
    return [
        name
        for name, write in PAGES.items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_text("utf-8") != write()
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a page is out of date")
    if parser.parse_args().check:
        old = stale()
        if old:
            print(f"out of date: {', '.join(old)}; run `python docs/reference.py`", file=sys.stderr)
        return 1 if old else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, write in PAGES.items():
        (FOLDER / name).write_text(write(), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
