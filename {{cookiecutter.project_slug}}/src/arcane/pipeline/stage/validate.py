"""Look for what is wrong with the examples before anything is learnt from them."""

from ...errors import UserError
from ...files import write_json
from ..context import SCHEMA, Context, Result


def validate(context: Context) -> Result:
    import polars as pl

    from ...data.assets import read_assets
    from ...data.findings import stop_message
    from ...data.manifest import MANIFEST
    from ...data.validation import read_for_validation
    from ...data.validation import validate as validate_manifest

    root = context.root
    frame = read_for_validation(root / MANIFEST)
    assets = read_assets(root / "data" / "assets")
    findings = validate_manifest(frame, assets, context.project.params.data)
    labels = frame["label"].cast(pl.String).fill_null("")
    counts = {} if assets.spec.regression else dict(labels.value_counts().sort("label").iter_rows())
    write_json(
        root / "reports" / "validation.json",
        {"schema": SCHEMA, "examples": len(frame), "classes": counts, "findings": [f.as_json() for f in findings]},
    )
    if stop := [finding for finding in findings if finding.severity == "error"]:
        raise UserError(stop_message(stop))
    shown = [f"{f.code} ({f.count:,})" for f in findings if f.severity != "note"]
    return Result(", ".join(shown) if shown else "nothing wrong found")
