"""Refuse answers that would give a broken project: one sentence on stderr, exit code 1, nothing left on disk.

Cookiecutter renders this file, runs it in the empty project folder, and removes that folder when it fails.
Standard library only: neither the project's packages nor git are needed to say no.
"""

import json
import keyword
import re
import sys
import unicodedata

ANSWERS = json.loads(r'''{{ cookiecutter | tojson }}''')
PYTHONS = ("3.11", "3.12", "3.13")
DATASETS = {
    "image": ("digits", "fashion-mnist", "cifar10", "own"),
    "sequence": ("mnist1d", "own"),
    "tabular": ("breast_cancer", "wine", "digits-as-table", "diabetes", "own"),
}
REMOTES = ("s3", "gs", "azure", "ssh", "http", "https", "webdav", "webdavs", "hdfs", "webhdfs", "oss", "gdrive", "file")

# A package or a console script of one of these names would hide what the project itself imports or calls.
TAKEN = set(
    """
    arcane src test tests python python3 pip uv git make hatchling
    alembic cleanlab click cloudpickle cryptography cuda dvc dvc_data dvc_objects dvc_render dvc_task fastapi flask fsspec graphene
    gunicorn httpx huey hydra jinja2 jsonschema lightning lightning_fabric lightning_utilities markupsafe matplotlib mlflow mnist1d networkx
    numpy nvidia omegaconf optuna packaging pandas pandera patsy pillow pil pluggy polars prefect protobuf psutil pyarrow pydantic
    pygit2 pygments pyrefly pytest pytorch_lightning pyyaml yaml ray requests rich ruamel ruamel_yaml ruff safetensors scikit_learn
    sklearn scipy scmrepo setuptools skops sqlalchemy starlette statsmodels sympy torch torchgen torchmetrics torchvision tqdm
    triton typer uvicorn websockets wheel
    true false null yes no on off
    """.split()
)  # the last row: YAML reads those as something else than a name


def text_is_one_line(text):
    return bool(text.strip()) and not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text)


def objection(answers):
    """The first thing that is wrong with the answers, as one sentence, or None."""
    slug, package = answers["project_slug"], answers["package_name"]
    for name in ("project_name", "description", "author"):
        if not text_is_one_line(answers[name]):
            return f"{name} is {answers[name]!r}: expected one line of text, without control characters."
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", slug):
        return f"project_slug is {slug!r}: expected small letters, digits and single hyphens, a letter first, such as my-project."
    if slug.replace("-", "_") in TAKEN:
        return f"project_slug is {slug!r}: that name belongs to a package or a command that the project uses; choose another."
    if not re.fullmatch(r"[a-z][a-z0-9_]*", package) or keyword.iskeyword(package):
        return f"package_name is {package!r}: expected a name that Python can import, in small letters, such as my_project."
    if package in TAKEN or package in sys.stdlib_module_names:
        return f"package_name is {package!r}: that name belongs to a package that the project imports; choose another."
    if not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", answers["email"]):
        return f"email is {answers['email']!r}: expected an address such as name@example.com."
    modality, dataset = answers["modality"], answers["dataset"]
    if dataset not in DATASETS[modality]:
        others = [name for name, datasets in DATASETS.items() if dataset in datasets]
        hint = f"that data is {others[0]}: set modality={others[0]}" if others else "it is not among them"
        return f"dataset is {dataset!r}: expected one of {', '.join(DATASETS[modality])} for {modality} data; {hint}."
    if answers["python_version"] not in PYTHONS:
        return f"python_version is {answers['python_version']!r}: expected one of {', '.join(PYTHONS)}."
    return objection_to_remote(answers["dvc_remote"])


def objection_to_remote(remote):
    """What is wrong with the DVC remote, or None."""
    expected = "expected none, a URL such as s3://bucket/folder, or a folder's path such as ../store"
    if remote == "none":
        return None
    scheme, colon, rest = remote.partition("://")
    if not text_is_one_line(remote) or remote != remote.strip() or set(remote) & set("\"'#\\"):
        return f"dvc_remote is {remote!r}: {expected}, without quotes, # or backslashes."
    if colon:
        known = scheme in REMOTES and rest.strip("/")
        return None if known else f"dvc_remote is {remote!r}: {expected}; DVC knows {', '.join(REMOTES)}."
    if not remote.startswith(("/", "~/", "../")):
        return f"dvc_remote is {remote!r}: {expected} (a relative path starts with ../, outside the project)."
    return None


sentence = objection(ANSWERS)
if sentence:
    sys.stderr.write(f"Error: {sentence}\n")
    sys.exit(1)
