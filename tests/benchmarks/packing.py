"""What ingest costs: 60,000 images as PNG files, then the same with 1 % more; and DVC's share, shards against files.

Also 3,000 JPEG files of 640 by 480, brought to 128 by 128: the smaller the files, the more of a second ingest is asking
the file system for the state of the old ones (0.2 s for 60,000), and the less there is to be saved.

The second ingest is measured in the process of the first, as imports cost both the same. Files that are younger than
two seconds are read again by design, so the benchmark waits that long.

    python tests/benchmarks/packing.py [ROUNDS] [FOLDER]
"""

import contextlib
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
os.environ.setdefault("OMP_NUM_THREADS", "1")

FIRST, MORE = 60_000, 600
PHOTOGRAPHS = 3_000


def write_images(root: Path, first: int, photographs: bool) -> None:
    """The first images of Fashion-MNIST under `data/raw`, and 1 % more of them under `more`."""
    import conftest  # noqa: F401  (puts the engine on the path)
    from PIL import Image

    from arcane.data.sources.fashion_mnist import FashionMnist

    for number, example in enumerate(FashionMnist(root / "nowhere").examples()):
        if number == first + first // 100:
            break
        folder = root / ("data/raw" if number < first else "more") / example.label.replace("/", " or ")
        folder.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(example.inputs)
        if photographs:
            large = image.resize((640, 480), Image.Resampling.BICUBIC).convert("RGB")
            large.save(folder / f"{number:05d}.jpg", quality=95)
        else:
            image.save(folder / f"{number:05d}.png")


def seconds(command: list[str], root: Path) -> float:
    """Wall time of a whole process."""
    start = time.monotonic()
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    return time.monotonic() - start


def clear(root: Path) -> None:
    """Take back what an ingest wrote, and the images that were added."""
    for path in (root / "data/assets", root / ".arcane"):
        shutil.rmtree(path, ignore_errors=True)
    (root / "data/manifest.jsonl").unlink(missing_ok=True)
    for path in (root / "more").rglob("*.*g"):
        (root / "data/raw" / path.relative_to(root / "more")).unlink(missing_ok=True)
    settle(root)


def add(root: Path) -> None:
    """Add the 600 images."""
    for path in (root / "more").rglob("*.*g"):
        shutil.copyfile(path, root / "data/raw" / path.relative_to(root / "more"))
    settle(root)


def settle(root: Path) -> None:
    os.sync()
    time.sleep(2.1)


@contextlib.contextmanager
def timed(spent: dict[str, float]) -> Iterator[None]:
    """Note how long the parts of an ingest take."""
    from arcane.data import ingest as module
    from arcane.data.sources import labelled_images

    parts = [
        (labelled_images, "Folder"),
        (module.KnownFiles, "__init__"),
        (module.KnownFiles, "read"),
        (module, "_near"),
    ]
    names = ("list", "headers", "decode", "near")
    originals = [getattr(owner, name) for owner, name in parts]
    for (owner, name), part, original in zip(parts, names, originals, strict=True):

        def wrapped(*args, part=part, original=original, **kwargs):
            start = time.monotonic()
            try:
                return original(*args, **kwargs)
            finally:
                spent[part] = spent.get(part, 0.0) + time.monotonic() - start

        setattr(owner, name, wrapped)
    try:
        yield
    finally:
        for (owner, name), original in zip(parts, originals, strict=True):
            setattr(owner, name, original)


def ingest(root: Path, resolution: int | None = None) -> tuple[float, float, str]:
    """Wall and processor seconds of one ingest, and where the time went."""
    from arcane.config import Data
    from arcane.data.ingest import ingest as ingest_source
    from arcane.data.sources import named_source

    data, spent = Data(source="own", resolution=resolution), {}
    with timed(spent):
        start, own = time.monotonic(), time.process_time()
        count = ingest_source(named_source(data, root), root, data)
        wall, own = time.monotonic() - start, time.process_time() - own
    rest = wall - sum(spent.values())
    parts = ", ".join(f"{part} {value:.2f}" for part, value in [*spent.items(), ("the rest", rest)])
    return wall, own, f"{count:,} examples; {parts}"


def main(rounds: int, folder: str | None) -> None:
    """Print the figures."""
    import conftest  # noqa: F401

    for first, photographs in ((FIRST, False), (PHOTOGRAPHS, True)):
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            root = Path(temporary)
            writer = multiprocessing.Process(target=write_images, args=(root, first, photographs))
            writer.start()
            writer.join()
            print(f"{first:,} {'photographs' if photographs else 'small images'}")
            measure(root, rounds, 128 if photographs else None)
            if not photographs:
                show_dvc(root)


def measure(root: Path, rounds: int, resolution: int | None) -> None:
    """Print the times of first and second ingests."""
    pairs = []
    for number in range(rounds):
        clear(root)
        first, first_own, told = ingest(root, resolution)
        print(f"  round {number + 1}: first {first:.2f} s ({first_own:.2f} s of processors; {told})")
        add(root)
        again, again_own, told = ingest(root, resolution)
        print(f"           second {again:.2f} s ({again_own:.2f} s of processors; {told})")
        pairs.append((first, again, again / first, again_own / first_own))
    first, again, ratio, of_own = (statistics.median(values) for values in zip(*pairs, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"  medians of {rounds}: first {first:.2f} s, second {again:.2f} s, ratio {ratio:.2%} (of processor time "
        f"{of_own:.2%}); peak memory so far {peak:.0f} MB"
    )


def show_dvc(root: Path) -> None:
    """DVC's time for the packed shards and for the files that they were packed from."""
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "init", "--no-scm", "-q"], cwd=root, check=True)
    clear(root)
    ingest(root)
    packed, files = seconds([*dvc, "add", "-q", "data/assets"], root), seconds([*dvc, "add", "-q", "data/raw"], root)
    print(f"  dvc add: {packed:.1f} s for the shards, {files:.1f} s for the {FIRST:,} files")
    kept = sum(path.stat().st_size for path in (root / ".dvc/cache").rglob("*") if path.is_file())
    add(root)
    ingest(root)
    packed = seconds([*dvc, "add", "-q", "data/assets"], root)
    grown = sum(path.stat().st_size for path in (root / ".dvc/cache").rglob("*") if path.is_file()) - kept
    files = seconds([*dvc, "add", "-q", "data/raw"], root)
    print(f"    with {MORE} more: {packed:.1f} s ({grown / 2**20:.1f} MB more in its cache), {files:.1f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, sys.argv[2] if len(sys.argv) > 2 else None)
