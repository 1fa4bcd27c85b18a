"""The picture of a learning curve: what was measured, the band beyond it, the goal, and how a like problem behaves."""

import io
from typing import Any

BAND, OWN, PROXY, GOAL = "#c6dbef", "#08519c", "#737373", "#a63603"  # apart in grey too
WIDTH, HEIGHT = 7.2, 4.4  # inches


def size_picture(content: dict[str, Any], kind: str = "svg") -> bytes:
    """Draw `reports/size.json`; the same content gives the same bytes.

    Args:
        content: What the file holds.
        kind: `svg` (its text stays text) or `png`.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Ids in an SVG are random unless salted.
    with matplotlib.rc_context({"svg.hashsalt": "arcane", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure((WIDTH, HEIGHT), layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure.add_subplot(), content)
        file = io.BytesIO()
        metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        figure.savefig(file, format=kind, dpi=150, metadata=metadata)
    if kind != "svg":
        return file.getvalue()
    return labelled(file.getvalue().decode(), alt_text(content)).encode()


def labelled(svg: str, description: str) -> str:
    """The SVG with a description that screen readers say."""
    from markupsafe import escape

    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(description)}" ', 1)


def alt_text(content: dict[str, Any]) -> str:
    """What the picture shows, for those who do not see it."""
    points = content["points"]
    first, last = points[0], points[-1]
    means = [100 * sum(point["errors"]) / len(point["errors"]) for point in (first, last)]
    return (
        f"Learning curve: validation error falls from {means[0]:.3g} % with {first['examples']:,} training examples to "
        f"{means[1]:.3g} % with {last['examples']:,}. {content['answer']}"
    )


def draw(axes: Any, content: dict[str, Any]) -> None:
    """Draw onto matplotlib axes: sizes and errors (in %) on logarithmic scales."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    goal = 100 * content["goal"]
    measured = [100 * error for point in content["points"] for error in point["errors"]]
    bottom = min([goal, *[error for error in measured if error > 0]]) / 3
    if proxy := content.get("proxy"):
        draw_curve(axes, proxy, PROXY, f"like problem: {proxy['name']}", bottom)
    draw_curve(axes, content, OWN, "this project", bottom, filled=True)
    axes.axhline(goal, color=GOAL, linestyle="--", linewidth=1.2)
    axes.annotate(f"goal {goal:.3g} %", (0.01, goal), xycoords=("axes fraction", "data"), va="bottom", color=GOAL)
    axes.set(xscale="log", yscale="log", xlabel="training examples", ylabel="validation error, %")
    axes.set_ylim(bottom, 1.5 * max(measured))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, which="major", color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, loc="lower left")


def draw_curve(axes: Any, curve: dict[str, Any], colour: str, name: str, bottom: float, filled: bool = False) -> None:
    """One curve: the seeds' errors as dots (none wrong: a triangle at the bottom), the fit as a line, its 90 % band."""
    sizes = [entry["examples"] for entry in curve["band"]]
    low, middle, high = ([100 * entry[key] for entry in curve["band"]] for key in ("low", "value", "high"))
    if filled:
        # Logarithms know no zero.
        axes.fill_between(sizes, [max(each, bottom / 10) for each in low], high, color=BAND, lw=0, label="90 % band")
    else:
        axes.plot(sizes, low, sizes, high, color=colour, linewidth=0.6, linestyle=":")
    axes.plot(sizes, middle, color=colour, linewidth=1.4, label=name)
    for point in curve["points"]:
        for error in point["errors"]:
            axes.plot(point["examples"], max(100 * error, bottom), "." if error else "v", color=colour, markersize=5)
