"""Where the examples come from. Yours to change.

`source` returns one of the engine's sources by its name in `params.yaml` (`data.source`: digits, fashion-mnist, own).
To read something else, write a class and return it instead. Here `data/raw/plates.npz` holds arrays `images` (uint8
[N, 32, 32]) and `names`:

    class Plates(Source):
        name = "plates"
        classes = ("clean", "colony", "smear")

        def __init__(self, file):
            self.file = file

        def examples(self):
            content = np.load(self.file)
            for row, (image, name) in enumerate(zip(content["images"], content["names"])):
                yield Example(image, str(name), row=row)

    def source(project):
        return Plates(project.root / "data/raw/plates.npz")

`Example` also takes `group` (examples that must stay in one split), `domain`, `time` and `source_split`.
"""

from arcane.config import Project
from arcane.data.sources import Source, named_source


def source(project: Project) -> Source:
    """The project's source of examples; `ingest` reads it."""
    return named_source(project.params.data, project.root)
