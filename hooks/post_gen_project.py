"""Leave a whole project: only the files that its options need, a git repository, and one commit.

Cookiecutter renders this file and runs it in the new project. Standard library and git only: DVC is set up by files of
the template, so that a project can be made before its packages are installed.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ANSWERS = json.loads(r'''{{ cookiecutter | tojson }}''')
PLUGINS = {
    "s3": "s3", "gs": "gs", "azure": "azure", "ssh": "ssh", "webdav": "webdav", "webdavs": "webdav", "hdfs": "hdfs",
    "webhdfs": "hdfs", "oss": "oss", "gdrive": "gdrive",
}  # fmt: skip

OWN = {
    "image": "put your images into data/raw/CLASS/, one folder a class, or into data/raw/ with a table labels.csv",
    "sequence": "put your sequences into data/raw/, as .npz, .parquet or .ts",
    "tabular": "put your table into data/raw/, as .csv or .parquet",
}


def keep_what_the_options_need(answers):
    """Remove the files of the options not taken; give the chosen variants their names."""
    licence = answers["licence"]
    Path(f"LICENSE-{licence}").rename("LICENSE")
    for file in Path().glob("LICENSE-*"):
        file.unlink()

    if answers["runner"] == "ray":
        Path("requirements-ray.lock").replace("requirements.lock")
    else:
        Path("requirements-ray.lock").unlink()

    if answers["ci"] != "github":
        shutil.rmtree(".github")
    if answers["ci"] != "gitlab":
        Path(".gitlab-ci.yml").unlink()
    if answers["docker"] != "yes":
        Path("Dockerfile").unlink()
        Path(".dockerignore").unlink()

    if answers["dataset"] == "own":  # so that `dvc add data/raw` finds nothing that git has already
        Path("data/raw/.gitkeep").unlink()

    # A template that was worked on holds caches beside its sources, and cookiecutter copies folders as they are.
    for cache in [p for p in Path().rglob("*") if p.name == "__pycache__" or p.name == ".hypothesis" or p.name.endswith("_cache")]:
        shutil.rmtree(cache, ignore_errors=True)


def set_remote(remote):
    """Name the DVC remote; DVC reads a relative path from the folder of its config file."""
    if remote == "none":
        return
    if remote.startswith("~/"):
        remote = os.path.expanduser(remote)
    elif remote.startswith("../"):
        remote = f"../{remote}"
    config = Path(".dvc/config")
    text = config.read_text(encoding="utf-8").replace("[core]\n", "[core]\n    remote = storage\n")
    config.write_text(f"{text}['remote \"storage\"']\n    url = {remote}\n", encoding="utf-8", newline="\n")


def git(*arguments, check=True):
    """Run git in this folder, whatever repository or configuration lies around it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in KEPT}
    settings = ["commit.gpgsign=false", f"core.hooksPath={os.devnull}", f"core.excludesFile={os.devnull}", "core.autocrlf=false"]
    command = ["git", *(part for setting in settings for part in ("-c", setting)), *arguments]
    return subprocess.run(command, env=environment, check=check, capture_output=True, text=True, encoding="utf-8", errors="replace")


# Set by those who want another identity or another configuration; the rest (GIT_DIR, GIT_INDEX_FILE, ...) would point
# git to the repository that this project is made inside.
KEPT = {f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL", "DATE")}
KEPT |= {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"}


def commit_everything(answers):
    """Make the repository and its first commit; say what is wrong, or return None."""
    try:
        git("init", "--quiet", "--template=")
        git("symbolic-ref", "HEAD", "refs/heads/main")
        identity = []
        # git takes no name that is punctuation alone
        author = answers["author"] if any(c.isalnum() for c in answers["author"]) else answers["email"]
        for key, answer in (("user.name", author), ("user.email", answers["email"])):
            if not git("config", key, check=False).stdout.strip():
                identity += ["-c", f"{key}={answer}"]
        git("add", "--all")
        git(*identity, "commit", "--quiet", "--no-verify", "--message", "Start from the arcane template")
    except FileNotFoundError:
        return "git is not installed"
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout).strip().splitlines()
        return f"git said: {lines[-1] if lines else error}"
    return None


def main():
    keep_what_the_options_need(ANSWERS)
    set_remote(ANSWERS["dvc_remote"])
    trouble = commit_everything(ANSWERS)

    folder, scheme = Path.cwd(), ANSWERS["dvc_remote"].partition("://")[0]
    print(f"\n{ANSWERS['project_name']} is ready in {folder}\n")
    if trouble:
        print(f"It is whole, but not yet a git repository with a first commit ({trouble}). DVC needs one:\n")
        print("    git init && git symbolic-ref HEAD refs/heads/main")
        print('    git add --all && git commit --message "Start from the arcane template"\n')
    if scheme in PLUGINS:
        name = PLUGINS[scheme]
        print(f'DVC needs a plugin for {scheme}://: write "dvc[{name}]" for "dvc" in pyproject.toml, then `make lock`.\n')
    print("Next:\n")
    print(f'    cd "{ANSWERS["project_slug"]}"')
    print("    make install")
    if ANSWERS["dataset"] == "own":
        print(f"    # {OWN[ANSWERS['modality']]}")
    print("    make run")


try:
    main()
except OSError as error:
    sys.stderr.write(f"Error: the project could not be written: {error}.\n")
    sys.exit(1)
