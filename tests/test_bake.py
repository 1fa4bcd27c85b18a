"""Every option baked on and off once, the answers that must be refused, and the git situations that people bake in."""

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from bakes import TEMPLATE, bake
from cookiecutter.exceptions import FailedHookException
from filelock import FileLock
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from arcane.config import find_project

PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
HIDDEN = {".git", "__pycache__", ".pytest_cache", ".ruff_cache", ".pyrefly_cache", ".hypothesis"}
SHELL = {
    *(
        ".dvc/.gitignore",
        ".dvc/config",
        ".dvcignore",
        ".github/workflows/ci.yaml",
        ".gitignore",
        "AGENTS.md",
        "LICENSE",
    ),
    *("LOGBOOK.md", "Makefile", "README.md", "data/.gitignore", "data/raw/.gitkeep", "dvc.yaml", "models/.gitignore"),
    *("models/pretrained/.gitignore", "references.yaml"),
    *("params.yaml", "prefect.yaml", "pyproject.toml", "reports/.gitkeep", "requirements.lock"),
}
WITHOUT = {".github/workflows/ci.yaml"}
FIRST_DATASET = {"image": "digits", "sequence": "mnist1d", "tabular": "breast_cancer"}
NAMES = {
    "digits": "Digits",
    "fashion-mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "mnist1d": "MNIST-1D",
    "breast_cancer": "Breast cancer",
    "diabetes": "Diabetes",
    "own": "My project",
}
MATRIX = {
    "defaults": ({}, SHELL),
    "names": ({"project_name": "Señor Fox 2", "package_name": "fox"}, SHELL),
    "apache": ({"licence": "Apache-2.0"}, SHELL),
    "proprietary": ({"licence": "proprietary"}, SHELL),
    "fashion-mnist": ({"dataset": "fashion-mnist"}, SHELL),
    "cifar10": ({"dataset": "cifar10"}, SHELL),
    "own": ({"dataset": "own"}, SHELL - {"data/raw/.gitkeep"}),
    "sequence": ({"modality": "sequence"}, SHELL),
    "tabular": ({"modality": "tabular"}, SHELL),
    "diabetes": ({"modality": "tabular", "dataset": "diabetes"}, SHELL),
    "own-table": ({"modality": "tabular", "dataset": "own"}, SHELL - {"data/raw/.gitkeep"}),
    "python-3.12": ({"python_version": "3.12"}, SHELL),
    "python-3.13": ({"python_version": "3.13"}, SHELL),
    "remote-folder": ({"dvc_remote": "../a store"}, SHELL),
    "remote-url": ({"dvc_remote": "s3://bucket/folder"}, SHELL),
    "ray": ({"runner": "ray"}, SHELL),
    "gitlab": ({"ci": "gitlab"}, SHELL - WITHOUT | {".gitlab-ci.yml"}),
    "no-ci": ({"ci": "none"}, SHELL - WITHOUT),
    "docker": ({"docker": "yes"}, SHELL | {"Dockerfile", ".dockerignore"}),
    "everything": (
        {
            "licence": "Apache-2.0",
            "dataset": "own",
            "runner": "ray",
            "ci": "gitlab",
            "docker": "yes",
            "dvc_remote": "/srv/dvc",
        },
        SHELL - WITHOUT - {"data/raw/.gitkeep"} | {".gitlab-ci.yml", "Dockerfile", ".dockerignore"},
    ),
}


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command; its output is the assertion's message when it fails."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done


def module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)


def files_of(root: Path) -> dict[str, bytes]:
    """Contents by relative path, git's and the caches' left out."""
    paths = (p for p in root.rglob("*") if p.is_file() and not HIDDEN & set(p.relative_to(root).parts))
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in paths}


@pytest.fixture(scope="session")
def said_by(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """What a command on a project's code says when it fails, by the project's root, the command, and which other files
    matter; what is the same but for the package's name is checked once, by whichever of the tests' processes is first.
    """
    base = tmp_path_factory.getbasetemp()
    base = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "checked"

    def said(root: Path, command: tuple[str, ...], *others: str) -> str:
        package = find_project(root).package
        relevant = sorted((n, c) for n, c in files_of(root).items() if n.endswith(".py") or n in others)
        parts = [part for name, content in relevant for part in (name.encode(), content)]
        same = b"\0".join([*map(str.encode, command), *parts]).replace(package.encode(), b"package")
        kept = base / hashlib.sha256(same).hexdigest()
        base.mkdir(exist_ok=True)
        with FileLock(f"{kept}.lock"):
            if not kept.exists():
                environment = os.environ | {"PYTHONPATH": str(root / "src")}
                done = subprocess.run(command, cwd=root, capture_output=True, text=True, env=environment)
                kept.write_text("" if done.returncode == 0 else done.stdout + done.stderr)
        return kept.read_text()

    return said


@pytest.fixture(scope="module", params=MATRIX)
def baked(request, tmp_path_factory):
    """A project for each row of the matrix: its options, the files expected beside src/ and tests/, its root."""
    options, shell = MATRIX[request.param]
    return options, shell, bake(tmp_path_factory.mktemp("bake"), author="A. Person", email="a@example.org", **options)


class TestMatrix:
    def test_exact_files(self, baked):
        _, shell, root = baked
        package = find_project(root).package
        code = {name for name in files_of(PROJECT) if name.startswith(("src/", "tests/"))}
        code = {name.replace("{{cookiecutter.package_name}}", package) for name in code}
        assert set(files_of(root)) == shell | code
        assert (root / "data" / "raw").is_dir()

    def test_no_braces_left(self, baked):
        *_, root = baked
        for name, content in files_of(root).items():
            assert b"cookiecutter" not in content, name
            if not name.startswith("src/arcane/"):
                assert b"{{" not in content, name
                assert b"{%" not in content, name

    def test_options_arrive(self, baked):
        options, _, root = baked
        project, text = tomllib.loads((root / "pyproject.toml").read_text()), (root / "README.md").read_text()
        assert project["project"]["name"] == root.name == find_project(root).name
        assert project["tool"]["arcane"]["runner"] == options.get("runner", "local")
        modality = options.get("modality", "image")
        dataset = options.get("dataset", FIRST_DATASET[modality])
        assert f"# {options.get('project_name', NAMES[dataset])}\n" in text
        first = {"Apache-2.0": "Apache License", "proprietary": "Copyright (c) A. Person. All"}
        assert first.get(options.get("licence"), "MIT License") in (root / "LICENSE").read_text()[:120]
        assert f"PYTHON ?= {options.get('python_version', '3.11')}\n" in (root / "Makefile").read_text()
        assert ("\nray==" in (root / "requirements.lock").read_text()) == (options.get("runner") == "ray")
        data = find_project(root).params.data
        assert (data.modality, data.source) == (modality, dataset)

    def test_yaml_is_yaml(self, baked):
        *_, root = baked
        for path in (p for p in root.rglob("*.y*ml") if ".git/" not in p.as_posix()):
            assert yaml.safe_load(path.read_text()), path

    def test_lint(self, baked):
        *_, root = baked
        run(*module("ruff", "check", "--no-cache"), cwd=root)
        run(*module("ruff", "format", "--check", "--no-cache"), cwd=root)

    def test_types(self, baked, said_by):
        *_, root = baked
        assert not said_by(root, module("pyrefly", "check", "--python-interpreter-path", sys.executable))

    @pytest.mark.slow
    def test_own_tests(self, baked, said_by):
        *_, root = baked
        assert not said_by(root, module("pytest", "-p", "no:cacheprovider"), "params.yaml")

    def test_one_commit_of_everything(self, baked):
        *_, root = baked
        assert run("git", "rev-list", "--count", "--all", cwd=root).stdout.strip() == "1"
        assert run("git", "branch", "--show-current", cwd=root).stdout.strip() == "main"
        assert run("git", "status", "--porcelain", cwd=root).stdout == ""
        listed = run("git", "-c", "core.quotePath=false", "ls-files", cwd=root).stdout.splitlines()
        assert set(listed) == set(files_of(root))

    def test_dvc_is_ready(self, baked):
        options, _, root = baked
        if options and "dvc_remote" not in options:
            return  # the same .dvc/ and dvc.yaml as by default; each dvc command costs seconds
        stages = run(*module("dvc", "stage", "list", "--name-only"), cwd=root).stdout.split()
        assert stages == ["ingest", "validate", "split", "examine", "baseline", "diagnose", "improve", "report"]
        remotes = run(*module("dvc", "remote", "list"), cwd=root).stdout.strip()
        expected = {"../a store": str(root.parent / "a store")}.get(
            options.get("dvc_remote"), options.get("dvc_remote", "")
        )
        assert remotes.split() == (f"storage {expected} (default)".split() if expected else [])
        assert run("git", "status", "--porcelain", cwd=root).stdout == ""


def test_no_jinja_in_python():
    for path in PROJECT.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        ast.parse(text, filename=str(path))
        assert "cookiecutter" not in text, path


def test_same_answers_give_the_same_bytes(tmp_path):
    assert files_of(bake(tmp_path / "a")) == files_of(bake(tmp_path / "b"))


def test_a_file_pushed_to_a_relative_remote_lands_beside_the_project(tmp_path):
    root = bake(tmp_path, dvc_remote="../the store")
    (root / "heavy.bin").write_bytes(b"heavy")
    run(*module("dvc", "add", "-q", "heavy.bin"), cwd=root)
    run(*module("dvc", "push", "-q"), cwd=root)
    assert [p.read_bytes() for p in (tmp_path / "the store").rglob("*") if p.is_file()] == [b"heavy"]


REFUSED = [
    ({"project_slug": "My Project"}, "project_slug is 'My Project'"),
    ({"project_slug": "-x"}, "project_slug is '-x'"),
    ({"project_slug": "a--b"}, "project_slug is 'a--b'"),
    ({"project_slug": "torch", "package_name": "fine"}, "belongs to a package or a command"),
    ({"project_slug": "scikit-learn", "package_name": "fine"}, "belongs to a package or a command"),
    ({"project_slug": "python", "package_name": "fine"}, "belongs to a package or a command"),
    ({"project_slug": "3d-shapes"}, "project_slug is '3d-shapes'"),
    ({"project_slug": "null", "package_name": "fine"}, "belongs to a package or a command"),
    ({"package_name": "3d"}, "package_name is '3d'"),
    ({"package_name": "my-package"}, "package_name is 'my-package'"),
    ({"package_name": "class"}, "package_name is 'class'"),
    ({"package_name": "Größe"}, "package_name is 'Größe'"),
    ({"package_name": "arcane"}, "belongs to a package that the project imports"),
    ({"package_name": "json"}, "belongs to a package that the project imports"),
    ({"package_name": "prefect"}, "belongs to a package that the project imports"),
    ({"package_name": "src"}, "belongs to a package that the project imports"),
    ({"dataset": "digit"}, "expected one of digits, fashion-mnist, cifar10, own for image data; it is not among them."),
    ({"dataset": "wine"}, "that data is tabular: set modality=tabular."),
    ({"modality": "sequence", "dataset": "digits"}, "expected one of mnist1d, own for sequence data"),
    ({"email": "nobody"}, "email is 'nobody'"),
    ({"email": "a@b"}, "email is 'a@b'"),
    ({"email": "a b@example.com"}, "email is 'a b@example.com'"),
    ({"python_version": "3.10"}, "python_version is '3.10': expected one of 3.11, 3.12, 3.13."),
    ({"python_version": "3"}, "python_version is '3'"),
    ({"dvc_remote": "yes"}, "dvc_remote is 'yes'"),
    ({"dvc_remote": "./store"}, "outside the project"),
    ({"dvc_remote": "s3://"}, "dvc_remote is 's3://'"),
    ({"dvc_remote": "ftp://host/folder"}, "DVC knows s3"),
    ({"dvc_remote": "/a#b"}, "without quotes"),
    ({"author": " "}, "author is ' '"),
    ({"description": "two\nlines"}, "description is 'two\\nlines'"),
    ({"project_name": "a\tb", "project_slug": "ab"}, "project_name is 'a\\tb'"),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED, ids=[str(options) for options, _ in REFUSED])
def test_refused_with_one_sentence_and_nothing_left(tmp_path, capfd, options, sentence):
    with pytest.raises(FailedHookException):
        bake(tmp_path, **options)
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    assert sentence in lines[0]
    assert lines[0].endswith(".")
    assert list(tmp_path.iterdir()) == []


def test_refusal_on_the_command_line(tmp_path):
    command = module(
        "cookiecutter", "--no-input", "--default-config", "-o", str(tmp_path), str(TEMPLATE), "email=nobody"
    )
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Error: email is 'nobody': expected an address such as name@example.com." in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_direct_dependency_is_refused_as_a_name():
    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    names = {
        ast_name.split("[")[0].split(">")[0].replace("-", "_").replace(".", "_")
        for ast_name in declared["dependencies"]
    }
    hook = (TEMPLATE / "hooks" / "pre_gen_project.py").read_text()
    taken = set(hook.split('TAKEN = set(\n    """')[1].split('"""')[0].split())
    assert names <= taken


# Jinja's own brackets are cookiecutter's business: it renders every answer.
LINES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=40).filter(
    lambda text: text.strip() and not any(mark in text for mark in ("{{", "{%", "{#"))
)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=LINES, description=LINES, author=LINES)
@example(name='"', description='say "hi" \\ back\\\\', author="O'Neil \\u0041 \\")
@example(name=".", description="-", author='";')  # git strips such a name to nothing
@example(name="a: b # c", description="'''\"\"\" ${HOME} $(id) `id` %s", author="名前 <x@y> ; 🦊")
@example(name="- & *x !y |", description="</script>&amp; \\N{BULLET}", author="=1+1, [link](x) }}")
def test_any_line_of_text_survives(tmp_path_factory, name, description, author):
    folder = tmp_path_factory.mktemp("nasty")
    root = bake(folder, project_name=name, project_slug="nasty", description=description, author=author)
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (project["description"], project["authors"][0]["name"]) == (description, author)
    assert (root / "README.md").read_text(encoding="utf-8").startswith(f"# {name}\n\n{description}\n")
    assert f"Copyright (c) {author}\n" in (root / "LICENSE").read_text(encoding="utf-8")
    assert find_project(root).params
    run(*module("hatchling", "metadata"), cwd=root)
    assert run("git", "status", "--porcelain", cwd=root).stdout == ""
    shutil.rmtree(folder)


def bake_by_command(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = module("cookiecutter", "--no-input", "--default-config", "-o", str(folder), str(TEMPLATE), *options)
    return run(*command, cwd=folder, **environment)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of somebody whose git signs, ignores, and runs hooks that refuse; no identity."""
    home, hooks = tmp_path / "home", tmp_path / "home" / "template" / "hooks"
    hooks.mkdir(parents=True)
    for hook in ("pre-commit", "commit-msg"):
        (hooks / hook).write_text("#!/bin/sh\nexit 1\n")
        (hooks / hook).chmod(0o755)
    (home / "ignore").write_text("*.lock\n.dvc\n.github\n")
    (home / ".gitconfig").write_text(
        f"[commit]\ngpgsign = true\n[init]\ntemplateDir = {home}/template\ndefaultBranch = trunk\n"
        f"[core]\nhooksPath = {hooks}\nexcludesFile = {home}/ignore\nautocrlf = true\n[user]\nuseConfigOnly = true\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return home


def first_commit(root: Path) -> str:
    return run("git", "log", "--format=%an <%ae> %D", cwd=root).stdout.strip()


def test_git_configured_to_refuse_still_gets_its_commit(tmp_path, home):
    root = bake(tmp_path, author="Ada L", email="ada@example.org")
    assert first_commit(root) == "Ada L <ada@example.org> HEAD -> main"
    assert ".github/workflows/ci.yaml" in run("git", "ls-files", cwd=root).stdout
    assert b"\r" not in (root / "README.md").read_bytes()


def test_an_identity_that_git_has_is_kept(tmp_path, home):
    with (home / ".gitconfig").open("a") as file:
        file.write("name = Grace\nemail = grace@example.org\n")
    assert first_commit(bake(tmp_path)).startswith("Grace <grace@example.org>")


def test_baked_inside_another_repository(tmp_path, monkeypatch):
    outer = tmp_path / "outer"
    outer.mkdir()
    run("git", "init", "-q", ".", cwd=outer)
    monkeypatch.setenv("GIT_DIR", str(outer / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(outer / ".git" / "index"))
    root = bake(outer)
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert run("git", "rev-list", "--count", "HEAD", cwd=root).stdout == "1\n"
    assert run("git", "status", "--porcelain", cwd=outer).stdout == "?? digits/\n"


def test_without_git_the_project_is_whole_and_says_how_to_go_on(tmp_path):
    done = bake_by_command(tmp_path, PATH=str(tmp_path))
    root = tmp_path / "digits"
    assert "git is not installed" in done.stdout
    assert not (root / ".git").exists()
    whole = set(files_of(bake(tmp_path / "with-git")))
    assert set(files_of(root)) == whole

    said = [line.strip() for line in done.stdout.splitlines() if line.strip().startswith("git ")]
    assert len(said) == 2
    run(
        "bash",
        "-ec",
        "\n".join(said),
        cwd=root,
        GIT_AUTHOR_NAME="a",
        GIT_AUTHOR_EMAIL="a@b.c",
        GIT_COMMITTER_NAME="a",
        GIT_COMMITTER_EMAIL="a@b.c",
    )
    assert run("git", "status", "--porcelain", cwd=root).stdout == ""


def test_closing_words_name_the_next_commands(tmp_path):
    done = bake_by_command(tmp_path, "project_slug=red-fox", "dvc_remote=ssh://host/store", "dataset=own")
    words = [line.strip() for line in done.stdout.splitlines()]
    assert [w for w in words if w.startswith(("cd", "make"))] == ['cd "red-fox"', "make install", "make run"]
    assert any("data/raw/CLASS/" in w for w in words)
    assert any("dvc[ssh]" in w for w in words)


@pytest.mark.slow
def test_a_fresh_environment_from_the_lock_file(tmp_path):
    """What a person does first, in a folder with a space in its name: install, lint, test, ask for help."""
    root = bake(tmp_path / "my projects")
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    version = f"PYTHON={sys.version_info.major}.{sys.version_info.minor}"
    for target in ("install", "lint", "test"):
        run("make", target, f"UV={uv}", version, cwd=root)
    help_of = run(root / ".venv" / "bin" / "digits", "--help", cwd=root).stdout
    assert "run" in help_of
    settings_of = run(root / ".venv" / "bin" / "prefect", "config", "view", cwd=root).stdout
    assert "PREFECT_HOME='.prefect'" in settings_of
    assert run("git", "status", "--porcelain", cwd=root).stdout == ""


@pytest.mark.slow
def test_an_update_brings_the_engine_and_leaves_the_persons_work(tmp_path):
    """Bake, work, link to the template, update: the engine is the new one, the person's file is theirs."""
    identity = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull} | identity
    template = tmp_path / "template"
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=TEMPLATE).stdout.split("\0")
    for name in filter(None, listed):
        if (TEMPLATE / name).is_file():
            (template / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TEMPLATE / name, template / name)
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "one"]):
        run("git", *command, cwd=template, **quiet)

    root = bake(tmp_path / "work")
    task = root / "src" / "digits" / "task.py"
    task.write_text(task.read_text() + "\nMINE = True\n")
    run(*module("cruft", "link", str(template), "--no-input"), cwd=root, **quiet)
    run("git", "add", "-A", cwd=root, **quiet)
    run("git", "commit", "-qm", "my work", cwd=root, **quiet)

    version = template / "{{cookiecutter.project_slug}}" / "src" / "arcane" / "VERSION"
    version.write_text("9.9.9\n")
    run("git", "commit", "-qam", "two", cwd=template, **quiet)
    run(*module("cruft", "update", "--skip-apply-ask"), cwd=root, **quiet)
    assert (root / "src" / "arcane" / "VERSION").read_text() == "9.9.9\n"
    assert task.read_text().endswith("MINE = True\n")
    changed = run("git", "status", "--porcelain", cwd=root).stdout.split()
    assert set(changed) & {"src/arcane/VERSION", ".cruft.json"} == {"src/arcane/VERSION", ".cruft.json"}
    assert "UU" not in changed
