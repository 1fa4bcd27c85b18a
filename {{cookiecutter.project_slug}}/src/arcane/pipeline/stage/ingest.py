"""Bring the source's examples into the project."""

from ..context import Context, Result, counted, said


def ingest(context: Context) -> Result:
    from ...data.ingest import ingest as ingest_source

    project = context.project
    source = project.module("source").source(project)
    with said(context.voice):
        count = ingest_source(source, project.root, project.params.data, counted(context.voice, "examples"))
    told = f"of {len(source.classes)} classes" if source.target is None else f"with {source.target.name} to estimate"
    return Result(f"{count:,} examples {told}, from {source.name}")
