"""What changed between two versions of the data is said in words, from real git and DVC history."""

import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import yaml
from commands import commit, dvc, git
from frames import frame, params
from projects import make_project

from arcane.data.difference import Version, difference, sentences
from arcane.data.manifest import MANIFEST, read_manifest, read_records, write_manifest
from arcane.data.splits import SPLITS, split, write_splits
from arcane.errors import UserError
from arcane.pipeline.versions import data_version


def version(name: str, manifest: pl.DataFrame, **changes: object) -> Version:
    return Version(name, manifest.with_columns(**changes), split(manifest, params())[0])


OLD = frame(100, classes=3, path=[f"photos/{row:03}.png" for row in range(100)], row=None)
IDS = OLD["id"]


def test_nothing_changed_is_said():
    found = difference(version("A", OLD), version("B", OLD.reverse()))
    assert sentences(found) == [
        "From A to B: 100 examples, as many as before.",
        "No example was added, removed, relabelled, renamed or regrouped.",
        "No old example moved to another split.",
    ]


def test_each_change_is_counted_by_class_and_said_with_ids():
    new = pl.concat([OLD[10:], frame(30, start=1, label=["2"] * 20 + ["new"] * 10)])
    new = new.with_columns(
        label=pl.when(pl.col("id") == IDS[20]).then(pl.lit("cat")).otherwise("label"),
        path=pl.when(pl.col("id").is_in(IDS[30:32].to_list())).then("moved/" + pl.col("path")).otherwise("path"),
        group=pl.when(pl.col("id") == IDS[40]).then(pl.lit("p1")),
    )
    after = Version("B", new, split(new.with_columns(label=pl.lit("x")), params())[0])
    moved = after.splits.with_columns(
        split=pl.when(pl.col("id") == IDS[50]).then(pl.lit("train_val")).otherwise("split")
    )
    found = difference(version("A", OLD), Version("B", new, moved))
    assert (found.added.count, dict(found.added.kinds)) == (30, {"2": 20, "new": 10})
    assert found.removed.count == 10 and sum(found.removed.kinds.values()) == 10
    assert found.removed.kinds == dict(OLD[:10]["label"].value_counts().iter_rows())
    assert found.removed.ids == tuple(IDS[:5])
    label, home = OLD["label"][20], dict(version("A", OLD).splits.select("id", "split").iter_rows())[IDS[50]]
    words = sentences(found)
    assert words[0] == "From A to B: 100 examples became 120."
    assert words[1].startswith("30 examples were added: 2 20, new 10. Such as ")
    assert words[3] == f"1 example was relabelled: {label} → cat 1. Such as {IDS[20]}."
    assert (
        words[4]
        == f"1 old example moved to another split: {home} → train_val ({OLD['label'][50]}) 1. Such as {IDS[50]}."
    )
    assert words[5] == f"2 examples were renamed, their content is the same. Such as {IDS[30]}, {IDS[31]}."
    assert words[6] == f"1 example got another group. Such as {IDS[40]}."


def test_labels_that_come_and_go_and_numbers():
    lost = OLD.with_columns(label=pl.when(pl.col("id") == IDS[3]).then(None).otherwise("label"))
    words = sentences(difference(version("A", OLD), Version("B", lost, split(lost, params())[0])))
    assert f"1 example was relabelled: {OLD['label'][3]} → no label 1. Such as {IDS[3]}." in words
    assert any("→ no split (no label) 1." in sentence for sentence in words)
    numbers = frame(50, label=[float(row) for row in range(50)])
    found = difference(Version("A", numbers[:40]), Version("B", numbers, missing="B's splits are gone."))
    assert found.added.count == 10 and not found.added.kinds and found.moved is None
    assert sentences(found)[-1] == "B's splits are gone."


def test_many_kinds_are_summed_up():
    new = pl.concat([OLD, frame(90, start=1, label=[f"class {row % 9}" for row in range(90)])])
    words = sentences(difference(version("A", OLD), version("B", new)))
    assert words[1].startswith(
        "90 examples were added: class 0 10, class 1 10, class 2 10, class 3 10, class 4 10, 4 others 40."
    )


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two states of its data in git and DVC, the tags `first` and `second`."""
    root = tmp_path_factory.mktemp("history") / "project"
    project = make_project(root, {"data.limit": 150})
    stages = {"split": {"cmd": "true", "deps": [MANIFEST.as_posix()], "outs": [SPLITS.as_posix()]}}
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    (root / ".gitignore").write_text("__pycache__\n/data/assets\n")
    git(root, "init", "--quiet")
    dvc(root, "init", "--quiet")
    for tag in ("first", "second"):
        if tag == "second":
            relabel_and_remove(root / MANIFEST)
            write_splits(root / SPLITS, split(read_manifest(root / MANIFEST), project.params)[0])
        dvc(root, "commit", "--force", "--quiet", "split")
        commit(root)
        git(root, "tag", tag)
    return root


def relabel_and_remove(path: Path) -> None:
    """Take two examples out of the manifest and make one 3 an 8."""
    records = read_records(path)[2:]
    place = next(place for place, record in enumerate(records) if record.label == "3")
    records[place] = replace(records[place], label="8")
    write_manifest(path, records)


def test_two_revisions_are_told_apart_without_touching_the_working_tree(history: Path):
    before = (history / MANIFEST).read_bytes(), (history / SPLITS).read_bytes(), git(history, "status", "--porcelain")
    words = sentences(difference(data_version(history, "first"), data_version(history, "second")))
    assert words[0] == "From first to second: 150 examples became 148."
    assert words[1].startswith("2 examples were removed: ")
    assert words[2].startswith("1 example was relabelled: 3 → 8 1. ")
    assert words[3] == "No old example moved to another split." and len(words) == 4
    assert sentences(difference(data_version(history, "second"), data_version(history)))[1].startswith("No example was")
    after = (history / MANIFEST).read_bytes(), (history / SPLITS).read_bytes(), git(history, "status", "--porcelain")
    assert before == after


def test_a_past_state_comes_back_with_git_checkout_and_dvc_checkout(history: Path, tmp_path: Path):
    root = tmp_path / "project"
    shutil.copytree(history, root, symlinks=True)
    past = data_version(root, "first")
    git(root, "checkout", "--quiet", "first")
    dvc(root, "checkout", "--quiet")
    now = data_version(root)
    assert now.manifest.equals(past.manifest) and now.splits.equals(past.splits) and len(now.splits) == 150
    assert not git(root, "status", "--porcelain")


def test_what_cannot_be_had_is_said(history: Path, tmp_path: Path):
    root = tmp_path / "project"
    shutil.copytree(history, root, symlinks=True)
    with pytest.raises(UserError, match="nowhere: no revision that git knows here"):
        data_version(root, "nowhere")
    shutil.rmtree(root / ".dvc" / "cache")
    found = difference(data_version(root, "first"), data_version(root, "second"))
    assert found.moved is None and found.removed.count == 2
    assert sentences(found)[-2].startswith(
        "The splits of first are not in DVC's cache here, so what moved is not known"
    )
    git(root, "rm", "--quiet", "dvc.lock")
    commit(root)
    assert data_version(root, "HEAD").missing == "HEAD has no splits: the split stage had not run then."
    git(root, "rm", "--quiet", MANIFEST.as_posix())
    commit(root)
    with pytest.raises(UserError, match=r"HEAD: has no data/manifest.jsonl; ingest had not run then"):
        data_version(root, "HEAD")
    (root / SPLITS).unlink()
    shutil.copy(history / MANIFEST, root / MANIFEST)
    assert data_version(root).missing.startswith("data/splits.jsonl is not in the working tree")
    (root / MANIFEST).write_text("{\n")
    commit(root)
    with pytest.raises(UserError, match="manifest at HEAD, line 1: not JSON"):
        data_version(root, "HEAD")
