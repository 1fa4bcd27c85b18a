"""Part the examples into train, validation and test."""

from ...files import write_json
from ..context import SCHEMA, Context, Result

DRIFT_EXAMPLES = 10_000  # of each split, drawn by id: what a comparison of distributions needs, of any number


def split(context: Context) -> Result:
    from ...data.findings import with_accepted
    from ...data.loading import load_splits
    from ...data.manifest import MANIFEST, read_manifest
    from ...data.splits import SPLITS, write_splits
    from ...data.splits import split as split_examples
    from ...data.validation import drift, unrepresentative

    root, params = context.root, context.project.params
    manifest = read_manifest(root / MANIFEST)
    assigned, report = split_examples(manifest, params)
    write_splits(root / SPLITS, assigned)
    parts = load_splits(root, report["splits"], most=DRIFT_EXAMPLES)
    found = unrepresentative(manifest, assigned, params.data)
    if params.data.target_domain is None:
        pairs = [("train", "validation"), ("train", "test")]
    else:  # validation and test differ from train on purpose; `diagnose` measures what that costs
        pairs = [("train", "train_val"), ("validation", "test")]
    for one, other in pairs:
        found += drift(parts[one], parts[other], other)
    findings = with_accepted(found, params.data.accept)
    write_json(
        root / "reports" / "splits.json",
        {"schema": SCHEMA, **report, "findings": [finding.as_json() for finding in findings]},
    )
    for finding in findings:
        if finding.severity != "note":
            context.voice.say(f"  {finding.code}: {finding.message}")
    return Result(", ".join(f"{name} {part['n']:,}" for name, part in report["splits"].items()))
