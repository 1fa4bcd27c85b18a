"""What validation finds in the shipped data sets, and what it costs on millions of rows.

python tests/benchmarks/validation.py table [SOURCE...]     finding by data set, as they come and cleaned (markdown)
python tests/benchmarks/validation.py near                  planted near-duplicates: found, and falsely found
python tests/benchmarks/validation.py rows [MILLIONS]       time and memory on a synthetic manifest
"""

import hashlib
import io
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import conftest  # noqa: E402, F401  (puts the engine on the path)
import numpy as np  # noqa: E402
import polars as pl  # noqa: E402

from arcane.config import Data  # noqa: E402
from arcane.data import findings  # noqa: E402
from arcane.data.assets import ASSETS, Assets, read_assets  # noqa: E402
from arcane.data.ingest import ingest  # noqa: E402
from arcane.data.manifest import MANIFEST, read_manifest  # noqa: E402
from arcane.data.near import fingerprints, near_links  # noqa: E402
from arcane.data.sources import named_source  # noqa: E402
from arcane.data.validation import CHECKS, validate  # noqa: E402
from arcane.spec import Modality, Spec  # noqa: E402

SOURCES: dict[str, Modality] = {
    "digits": "image",
    "fashion-mnist": "image",
    "mnist1d": "sequence",
    "breast_cancer": "tabular",
    "wine": "tabular",
    "digits-as-table": "tabular",
    "diabetes": "tabular",
}


def ingested(root: Path, source: str) -> tuple[pl.DataFrame, Assets]:
    """A shipped data set's manifest and packed inputs."""
    data = Data(source=source, modality=SOURCES[source])
    ingest(named_source(data, root), root, data)
    return read_manifest(root / MANIFEST, infer=None), read_assets(root / ASSETS)


class Columns(Assets):
    """Some columns of a packed table."""

    kept: list[int]

    def shard(self, number: int) -> np.ndarray:
        return np.load(self.folder / self.shards[number][0])[:, self.kept]


def cleaned(frame: pl.DataFrame, assets: Assets, found: list[findings.Finding]) -> tuple[pl.DataFrame, Assets]:
    """The data without the examples and columns that findings name; shuffled, where they are about the order."""
    named = {each for finding in found if finding.count < len(frame) for each in finding.ids}
    if any(finding.code == "non-iid-order" for finding in found):
        frame = frame.with_columns(row=pl.Series(np.random.default_rng(0).permutation(len(frame))))
    columns = [finding.message.rpartition(": ")[2].split(", ") for finding in found if "columns" in finding.evidence]
    dropped = {name for names in columns for name in names}
    if dropped:
        kept = [at for at, feature in enumerate(assets.spec.features) if feature.name not in dropped]
        features = tuple(assets.spec.features[at] for at in kept)
        spec = replace(assets.spec, shape=(len(kept),), features=features)
        assets = Columns(assets.folder, spec, assets.examples, assets.shards, assets.digests)
        object.__setattr__(assets, "kept", kept)
    return frame.filter(~pl.col("id").is_in(list(named))), assets


def table(sources: list[str]) -> None:
    """Print the table of findings by data set: as it comes / without the examples that are named."""
    findings.SHOWN_IDS = sys.maxsize
    import arcane.data.validation.given as given

    given.SHOWN_IDS = sys.maxsize  # all ids: they are to be removed
    cells: dict[str, dict[str, str]] = {}
    said: dict[str, tuple[str, str]] = {}
    for source in sources:
        with tempfile.TemporaryDirectory() as temporary:
            frame, assets = ingested(Path(temporary), source)
            data = Data(source=source, modality=SOURCES[source])
            before = validate(frame, assets, data)
            after = {finding.code: finding for finding in validate(*cleaned(frame, assets, before), data)}
            for finding in before:
                said[f"{source}: {finding.code}"] = finding.severity, finding.message
                left = after.get(finding.code)
                cells.setdefault(source, {})[finding.code] = f"{finding.count:,} / {left.count if left else 0:,}"
            for code in after.keys() - {finding.code for finding in before}:
                cells.setdefault(source, {})[code] = f"– / {after[code].count:,}"
    print("| finding | " + " | ".join(sources) + " |\n|---|" + "---|" * len(sources))
    for code in dict.fromkeys(code for check in CHECKS for code in check.codes):
        looks = [any(code in c.codes and SOURCES[source] in c.modalities for c in CHECKS) for source in sources]
        row = [cells.get(s, {}).get(code, "–" if look else "") for s, look in zip(sources, looks, strict=True)]
        print(f"| `{code}` | " + " | ".join(row) + " |")
    for where, (severity, message) in said.items():
        print(f"\n{where} ({severity}): {message}")


def rows(millions: float) -> None:
    """Print what reading, hashing and validating a synthetic manifest cost."""

    class Unread(Assets):
        def inputs(self, rows: np.ndarray) -> np.ndarray:
            return np.zeros((len(rows), *self.spec.shape), self.spec.dtype)

    n = int(millions * 1e6)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "manifest.jsonl"
        synthetic_manifest(n).write_ndjson(path)
        print(f"{n:,} rows, {path.stat().st_size / 2**30:.2f} GiB; peak memory so far {peak():.2f} GiB")
        timed("polars.read_ndjson", lambda: pl.read_ndjson(path))
        with path.open("rb") as file:
            timed("sha256 of the file", lambda: hashlib.file_digest(file, "sha256"))
        frame = timed("read_manifest", lambda: read_manifest(path))
        spec = Spec("image", (1, 1, 1), tuple(f"class {number}" for number in range(100)))
        assets = Unread(Path(), spec, frame.select("id", "label"), (), {})
        found = timed("validate", lambda: validate(frame, assets, Data()))
    print("found:", ", ".join(finding.code for finding in found) or "nothing")


def synthetic_manifest(n: int) -> pl.DataFrame:
    """A manifest of n rows in the order of their ids: 100 classes, a tenth as many groups, 1 % near-duplicates."""
    rng = np.random.default_rng(0)
    words = np.sort(rng.integers(0, 2**63, n, dtype=np.int64))
    ids = pl.Series(words).cast(pl.String).str.zfill(19)
    # Ids are hexadecimal digits in ascending order; the second half need not be random.
    frame = pl.DataFrame({"id": "0" * 13 + ids, "row": rng.permutation(n)})
    near = pl.Series(rng.integers(0, n, n)).set(pl.Series(rng.random(n) >= 0.01), None)
    return frame.with_columns(
        label="class " + pl.Series(rng.integers(0, 100, n)).cast(pl.String),
        group=("group " + pl.Series(rng.integers(0, max(n // 10, 1), n)).cast(pl.String)),
        time=pl.lit(None, pl.String),
        domain=pl.lit(None, pl.String),
        source=pl.lit("synthetic"),
        near=frame["id"].gather(near),
    )


def timed(name: str, work: Callable):
    """Do the work and print its wall and processor time, and the peak of memory so far."""
    wall, own = time.monotonic(), time.process_time()
    result = work()
    print(
        f"{name}: {time.monotonic() - wall:.1f} s wall, {time.process_time() - own:.1f} s processor; "
        f"peak {peak():.2f} GiB"
    )
    return result


def peak() -> float:
    """The most memory that this process ever held, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def planted(image: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Near-duplicates of a grey image, uint8 `[H, W]`, as files go through hands."""
    from PIL import Image

    height, width = image.shape
    copies = {}
    for quality in (60, 75, 90):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality)
        copies[f"JPEG at {quality}"] = np.asarray(Image.open(buffer))
    small = Image.fromarray(image).resize((width - 2, height - 2), Image.Resampling.BILINEAR)
    copies["scaled by 2 pixels and back"] = np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))
    for factor in (0.95, 1.05):
        copies[f"brightness × {factor}"] = np.clip(np.round(image * factor), 0, 255).astype(np.uint8)
    padded = np.pad(image, 1, mode="edge")
    copies["shifted by a pixel"] = padded[2:, 1:-1]
    copies["shifted by a pixel both ways"] = padded[:-2, 2:]
    noise = np.random.default_rng(seed).normal(0, 3, image.shape)
    copies["noise of 3 grey levels"] = np.clip(np.round(image + noise), 0, 255).astype(np.uint8)
    return copies


def near(source: str, count: int = 600) -> None:
    """Print how many planted copies are found, how many links are wrong, and what the search costs."""
    examples = list(named_source(Data(source=source), Path()).examples())
    images = np.stack([example.inputs for example in examples if example.source_split != "test"])[:, None]
    spec = Spec("image", images.shape[1:], ("a", "b"))
    prints = timed(f"{source}: {len(images):,} fingerprints", lambda: fingerprints(images, spec))
    links = timed("all linked", lambda: near_links(np.arange(len(images)), prints, images.__getitem__, spec))
    print(f"{source}: {len(links)} images with an older near-duplicate")
    chosen = np.random.default_rng(0).choice(len(images), count, replace=False)
    copies = [planted(images[row, 0], int(row)) for row in chosen]
    for kind in copies[0]:
        more = np.stack([copy[kind] for copy in copies])[:, None]
        both, prints_of_both = np.concatenate([images, more]), np.concatenate([prints, fingerprints(more, spec)])
        start = time.monotonic()
        found = near_links(np.arange(len(images), len(both)), prints_of_both, both.__getitem__, spec)
        seconds = time.monotonic() - start
        right = sum(int(chosen[row - len(images)] == older) for row, older, _ in found)
        print(f"  {kind}: {right} of {count} found, {len(found) - right} others, {seconds:.2f} s")


if __name__ == "__main__":
    what, *more = sys.argv[1:] or [""]
    if what == "table":
        table(more or list(SOURCES))
    elif what == "near":
        for name in more or ["digits", "fashion-mnist"]:
            near(name)
    elif what == "rows":
        rows(float(more[0]) if more else 10)
    else:
        sys.exit(__doc__)
