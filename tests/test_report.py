"""The page: its facts, its bytes, its escapes. It is made from files, which `report_projects` makes."""

import hashlib
import html
import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_projects import (
    DIGITS,
    by_class,
    confusion_of,
    make_project,
    make_series,
    make_table,
    many_classes,
    rate,
    rounds,
    suspect,
    visible,
)

from arcane.data.rates import Average
from arcane.errors import UserError
from arcane.files import write_json
from arcane.report import figures, marks, render_page, words
from arcane.report import page as page_module
from arcane.report.summary import summary
from arcane.report.words import Measure


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return make_table(tmp_path_factory.mktemp("table"))


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    return make_series(tmp_path_factory.mktemp("series"))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(project):
    return render_page(project).read_text(encoding="utf-8")


def test_first_screen_answers(page):
    first = visible(page[: page.index('id="course"')])
    assert "The model is wrong on 1.9 % of new examples, within 0.95 to 4.0 %" in first  # 7 of 360, Wilson
    assert "It got 7 of 360 test examples wrong" in first
    assert "The goal is 1 % : human level on clean digits, by two people's reading of 500 of them" in first
    assert "The goal of 1 % lies inside the interval: the test cannot tell them apart." in first
    for name, error in (
        ("Always the most frequent class", "89.7 %"),
        ("A linear model", "4.2 %"),
        ("LeNet, the baseline", "4.7 %"),
    ):
        assert name in first and error in first
    assert "What limits it Largest step now: over-fitting." in first
    assert "900 more validation examples would tell." in first
    assert "6 actions tried, 3 kept" in first
    assert "Tried and undone: schedule, dropout, weight decay" in first
    assert "Nothing was left to try" in first and "About 900 more training examples" in first


def test_every_round_stands_in_the_table(page):
    rows = [visible("<body" + row) for row in re.findall(r'<tr class="was-(?:kept|undone)".*?</tr>', page, flags=re.S)]
    assert len(rows) == 6
    for row, entry in zip(rows, rounds(), strict=True):
        assert entry["action"].replace("-", " ") in row
        assert entry["why"].replace("`", "") in re.sub(r"\s+", " ", row)
        assert ("✓ kept" in row) == entry["kept"] and ("↺ undone" in row) != entry["kept"]
        for name, (old, new) in entry["change"].items():
            assert f"{name} {words.setting(old)} → {words.setting(new)}" in row
        before, after = entry["before"]["validation"]["value"], entry["after"]["validation"]["value"]
        assert f"{words.digits(before)} → {words.digits(after)}" in row
    assert "< 0.001" in rows[3] and "0.031" in rows[0]


def test_the_rest_of_the_report_is_there(page):
    text = visible(page)
    assert "near-duplicates" in text and "and 6 more" in text
    assert "The data is too small for the 4 % interval that data.confidence_width asks for." in text
    assert "No error found." in text and "src/digits/task.py:41" in text
    assert "The test was opened once." in text and hashlib.sha256(b"split").hexdigest() in text
    assert "model.normalization none batch" in text
    assert "python -m digits stage ingest" in text and "0123456789abcdef.dir" in text
    assert "Expected less bias; got it." in text
    assert page.count("data:image/png;base64,") == 12


def test_the_page_does_not_name_what_is_made_from_it(page):
    assert "feedfeedfeed" not in page and "stage report" not in page


def test_the_page_asks_for_nothing_beside_it(page):
    assert "http://" not in page.replace('xmlns="http://www.w3.org/2000/svg"', "") and "https://" not in page
    assert all(source.startswith("data:") for source in re.findall(r'\bsrc="([^"]*)"', page))
    assert all(target.startswith("#") for target in re.findall(r'\bhref="([^"]*)"', page))
    assert not re.search(r"<script|<link|@import|url\(", page)


def test_same_files_same_bytes(tmp_path, page):
    assert render_page(make_project(tmp_path / "elsewhere")).read_text(encoding="utf-8") == page
    assert str(tmp_path) not in page


def test_names_are_escaped(tmp_path):
    name = "<script>alert(1)</script>"
    root = make_project(tmp_path, (name, *DIGITS[1:8], "8", '"onload="x'))
    improvement = json.loads((root / "reports/improvement.json").read_text())
    improvement["rounds"][0]["why"] = "<img src=x onerror=alert(1)> and `<b>`"
    write_json(root / "reports/improvement.json", improvement)
    page = render_page(root).read_text(encoding="utf-8")
    assert "<script" not in page and "<img src=x" not in page and "<b>`" not in page
    assert html.escape(name) in page and "<code>&lt;b&gt;</code>" in page
    assert 'alt="Example' in page and '"onload="' not in page


@pytest.mark.parametrize(
    "gone",
    ["metrics", "improvement", "diagnosis", "errors", "baseline", "examination", "splits", "validation"],
)
def test_a_missing_report_is_named(project, tmp_path, gone):
    shutil.copytree(project, tmp_path / "p")
    (tmp_path / f"p/reports/{gone}.json").unlink()
    text = visible(render_page(tmp_path / "p").read_text(encoding="utf-8"))
    assert f"This page is not whole. Not there: reports/{gone}.json" in text
    if gone == "metrics":
        assert "Validation error; the test is still closed 1.7 %" in text


def test_nothing_has_run(tmp_path):
    text = visible(render_page(tmp_path).read_text(encoding="utf-8"))
    assert "No error has been measured yet." in text and "params.yaml is not there" in text


def test_data_that_was_not_pulled_leaves_the_pictures_out(project, tmp_path):
    shutil.copytree(project, tmp_path / "p")
    (tmp_path / "p/data/assets/shard-00000.npy").unlink()
    page = render_page(tmp_path / "p").read_text(encoding="utf-8")
    assert "data:image" not in page and page.count('<div class="no-picture">') == 12


def test_a_broken_report_is_named_and_the_old_page_stays(project, tmp_path):
    shutil.copytree(project, tmp_path / "p")
    old = render_page(tmp_path / "p").read_bytes()
    (tmp_path / "p/reports/splits.json").write_text("[1]")
    with pytest.raises(UserError, match=r"splits\.json: expected a JSON object, found list"):
        render_page(tmp_path / "p")
    assert (tmp_path / "p/reports/report.html").read_bytes() == old


def test_many_classes(project, tmp_path):
    shutil.copytree(project, tmp_path / "p")
    many_classes(tmp_path / "p")
    path = render_page(tmp_path / "p")
    assert path.stat().st_size < 1_000_000
    text = visible(path.read_text(encoding="utf-8"))
    assert "The 30 classes with the highest error, of 10,000." in text and "The 30 most confused pairs" in text
    assert "class-00039 class-00040 40 80.0 %" in text


def test_a_matrix_too_large_to_read_becomes_pairs(project, tmp_path):
    shutil.copytree(project, tmp_path / "p")
    names = [f"c{i}" for i in range(31)]
    matrix = confusion_of({(3, 5): 4, (7, 2): 9}, 20, 31)
    metrics = json.loads((project / "reports/metrics.json").read_text())
    metrics.update(classes=names, confusion=matrix, per_class=by_class(names, matrix))
    write_json(tmp_path / "p/reports/metrics.json", metrics)
    page = render_page(tmp_path / "p").read_text(encoding="utf-8")
    assert '<table class="confusion">' not in page
    assert re.search(r"c7 c2 9 45\.0 % c3 c5 4 20\.0 %", visible(page))


@pytest.mark.parametrize(
    ("error", "word", "sentence"),
    [
        (Measure(0.004, 0.002, 0.008, 9), "reached", "is reached"),
        (Measure(0.009, 0.002, 0.02, 9), "unclear", "too small to be sure"),
        (Measure(0.02, 0.009, 0.04, 9), "unclear", "lies inside the interval"),
        (Measure(0.05, 0.03, 0.08, 9), "missed", "is not reached"),
    ],
)
def test_the_goal_is_claimed_only_as_far_as_the_interval_goes(error, word, sentence):
    assert words.against_goal(error, 0.01)[0] == word
    assert sentence in words.against_goal(error, 0.01)[1]


def test_the_final_verdict_speaks_where_there_is_one(project, tmp_path):
    shutil.copytree(project, tmp_path / "p")
    metrics = json.loads((project / "reports/metrics.json").read_text())
    for content, sentence in (
        ({}, "Largest step now: over-fitting."),
        ({"dominant": "bias"}, words.LIMITS["bias"]),
        ({"dominant": "undecided"}, "Not decided yet: the largest gaps cannot be told apart."),
        ({"dominant": "none", "verdict": "The goal is reached."}, "Nothing measurable above the goal."),
    ):
        write_json(tmp_path / "p/reports/metrics.json", {**metrics, **content})
        assert f"What limits it {sentence}" in visible(render_page(tmp_path / "p").read_text(encoding="utf-8"))
    for name in ("metrics", "improvement"):
        (tmp_path / f"p/reports/{name}.json").unlink()
    text = visible(render_page(tmp_path / "p").read_text(encoding="utf-8"))
    assert "What limits it Not decided yet" in text and "variance (3.1 points) and bias (1.1) overlap" in text


def test_a_regression_is_told_in_units(table):
    text = visible(render_page(table).read_text(encoding="utf-8"))
    first = text[: text.index("On this page")]
    assert "Test error 53.9 points The model’s estimates of progression are off by 53.9 points (root mean square)" in (
        first
    )
    assert "That leaves 49.0 % of the targets’ variance unexplained (36.5 to 65.7 %): 0 % is perfect" in first
    assert "The goal is 30 % of the variance, RMSE 42.2 points: a paper" in first
    assert "The goal of 30 % of the variance is not reached." in first and "Measured on 90 test examples" in first
    for name, rmse, share in (
        ("Always the mean", "81.9", "113.0 %"),
        ("A linear model", "56.6", "54.0 %"),
        ("Nearest neighbours", "63.5", "68.0 %"),
        ("Boosted trees", "67.1", "76.0 %"),
    ):
        assert f"{name} RMSE {rmse} {share}" in first
    assert "wrong" not in first.replace("wrong number", "") and "class" not in first
    assert "in percentage points of the variance" in first


def test_a_regression_has_estimates_and_ranges_for_classes(table):
    page = render_page(table).read_text(encoding="utf-8")
    text = visible(page)
    assert "Error by class" not in text and "Confusion" not in text and "Per class" not in text
    assert page.count('class="estimate"') == 90 and 'class="exact"' in page
    assert re.search(r"Mean absolute error [\d.]+ points \([\d.]+ to [\d.]+\)", text) and "R² 0." in text
    assert len(re.findall(r"\d+ examples [\d.]+ [\d.]+ too (?:much|little) [\d.]+ %", text)) == 5
    assert "differ by 15.0 % of the variance or more" in text
    assert "Test minus validation error: −3.0 points of the variance" in text
    assert "42.0 → 30.0" in text


def test_the_worst_rows_of_a_table_show_their_values(table):
    page = render_page(table).read_text(encoding="utf-8")
    rows = re.findall(r'<tr class="wrong">.*?</tr>', page[page.index('id="worst"') :], flags=re.S)
    assert len(rows) == 24
    worst = json.loads((table / "reports/metrics.json").read_text())["worst"]
    assert worst[0]["id"][:12] in rows[0] and words.quantity(worst[0]["target"], digits=6) in rows[0]
    assert "clinic &lt;b&gt;" in page and "clinic <b>" not in page
    cells = [visible("<body" + row) for row in rows]
    assert any(" – " in cell for cell in cells), "a missing value"
    assert {cell.split()[-1] for cell in cells} == {"unknown", "north", "south"}


def test_the_worst_sequences_are_drawn(series):
    page = render_page(series).read_text(encoding="utf-8")
    drawn = re.findall(r'<svg [^>]*class="sequence".*?</svg>', page, flags=re.S)
    assert len(drawn) == 24 and all(picture.count("<polyline") == 2 for picture in drawn)
    assert "nan" not in "".join(drawn) and drawn[0].count(",") == 2 * 40
    assert "data:image" not in page and "estimated as" in visible(page)
    assert "python -m arcane predict FILE... # the model on sequences of your own" in visible(page)


def test_a_page_of_a_regression_stays_alone_and_the_same(table, series):
    for root in (table, series):
        page = render_page(root).read_text(encoding="utf-8")
        test_the_page_asks_for_nothing_beside_it(page)
        assert page == render_page(root).read_text(encoding="utf-8")


def test_a_regression_before_its_test_is_opened(table, tmp_path):
    shutil.copytree(table, tmp_path / "p")
    (tmp_path / "p/reports/metrics.json").unlink()
    text = visible(render_page(tmp_path / "p").read_text(encoding="utf-8"))
    assert "Validation error; the test is still closed 55.5 points" in text
    for name in ("improvement", "diagnosis", "errors", "baseline"):
        (tmp_path / f"p/reports/{name}.json").unlink()
        render_page(tmp_path / "p")


@pytest.mark.parametrize("values", [[3.0], [3.0, 3.0, 3.0], [float("nan")] * 4, [0.0, float("nan"), 1e9]])
def test_a_trace_of_anything(values):
    picture = str(figures.trace([values]))
    assert "nan" not in picture and "inf" not in picture


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_even_ticks_lie_inside_and_apart(low, reach):
    ticks = figures.even_ticks(low, low + reach)
    assert 3 <= len(ticks) <= 11 and ticks == sorted(set(ticks))
    assert low - 1e-6 * abs(low) <= ticks[0] and ticks[-1] <= low + reach + 1e-6 * (abs(low) + reach)


@pytest.mark.parametrize(
    ("error", "words_of_it"),
    [
        (rate(7, 360), "1.9 % (0.95 % to 4.0 %)"),
        (
            Average(0.49, 1.4 * 0.49, 90, 77.0, "points").as_json(),
            "RMSE 53.9 points (46.5 to 62.4; 49.0 % of the variance)",
        ),
        ({"value": 0.25}, "25.0 %"),
    ],
)
def test_an_error_in_one_line(error, words_of_it):
    assert words.stated_with_interval(error).replace(words.NBSP, " ") == words_of_it
    assert words.stated(error).replace(words.NBSP, " ").split(" (")[0] == words_of_it.split(" (")[0]


@given(st.floats(1e-4, 1), st.floats(0, 1))
def test_scale_keeps_order_and_bounds(top, value):
    scale = figures.Scale(top, 10, 90)
    assert 10 <= scale(value) <= 90 and scale(0) == 10 and scale(top) == 90
    ticks = scale.ticks(8)
    assert ticks[0] == 0 and ticks == sorted(set(ticks)) and ticks[-1] <= top * 1.001
    places = [scale(tick) for tick in ticks]
    assert all(b - a >= 8 for a, b in pairwise(places))


@given(st.floats(0, 1))
def test_percent_never_hides_an_error(value):
    shown = float(words.digits(value))
    assert abs(shown - value * 100) <= 0.0501
    assert (words.digits(value) == "0") == (value == 0)


def test_everything_that_the_stages_may_add_is_told(tmp_path):
    root = suspect(make_project(tmp_path))
    text = visible(render_page(root).read_text(encoding="utf-8"))
    first = text[: text.index("On this page")]
    assert "Not decided yet" in first and "Bias and variance cannot be told apart yet." in first
    assert "To know what limits it: At these rates 1,655 validation examples (now 319), or 5 seeds (now 3)" in first
    assert "The goal of 1 % is too weak." in first and "people’s own error" in first
    assert "A network of 1998 a paper's number 0.80 %" in first
    for told in (
        "rises from 24: over-fitted", "Over 3 seeds the error is", "worse, beyond noise", "cannot be told apart",
        "Over 5 folds the first network errs on 4.6 % (3.6 % to 5.8 %), measured on 1,437 examples instead of 288",
        "2 of 31 slices do worse beyond chance.",
        "writer = <b>7</b> 40 examples; by its losses; much the same: paper < 3 22.5 % 2.4 %",
        "Over all folds, by randomised trees Over all folds no slice does worse.",
        "17 of 1,437 labels are likely wrong.", "97.0 % sure, train",
        "The 12 likeliest of 17.", "Alike, and labelled differently", "Most typical of validation",
        "Validation is darker.",
        "Area under the curve 0.56 (0.51 to 0.61)", "It is more sure than it is right.",
        "Calibration error 3.1 % (2.0 %",
        "About 2,900 training examples reach the goal", "Validation was asked 11 times to choose.",
    ):  # fmt: skip
        assert told in text, told


def test_a_regression_s_suspicions_are_in_its_words(tmp_path):
    text = visible(render_page(suspect(make_table(tmp_path))).read_text(encoding="utf-8"))
    assert "train 310 122.5 5.2 deviations" in text and "310" in text and "90.5" in text
    assert "The estimates spread too wide. Slope 0.8 (0.6 to 1)" in text
    assert "Offset \u22124.2 points (\u221212 points to 3.6 points)" in text


def test_without_suspicions_each_part_says_why(page):
    text = visible(page)
    assert text.count("reports/errors.json has no such part") == 4


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_stacked_parts_are_apart_and_end_at_the_error(levels):
    parts = marks.stacked([(str(i), level) for i, level in enumerate(levels)])
    assert sum(part.end - part.start for part in parts) == pytest.approx(levels[-1], abs=1e-9)
    assert all(one.end == other.start for one, other in pairwise(parts))
    assert all(part.end > part.start for part in parts)


def test_the_lecture_s_table():
    """RECIPE 4.3: goal 1, train 20, validation 27, test 28 %."""
    levels = [("irreducible", 0.01), ("bias", 0.2), ("variance", 0.27), ("validation_overfit", 0.28)]
    sizes = {part.name: round(part.end - part.start, 3) for part in marks.stacked(levels)}
    assert sizes == {"irreducible": 0.01, "bias": 0.19, "variance": 0.07, "validation_overfit": 0.01}
    assert [part.name for part in marks.stacked([("irreducible", 0.01), ("bias", 0.004), ("variance", 0.03)])] == [
        "irreducible", "variance"]  # fmt: skip


def test_every_round_s_errors_stand_in_the_table_of_parts(page):
    table = page[page.index('<table class="levels"') : page.index('<ul class="parts-key"')]
    rows = [visible("<body" + row) for row in re.findall(r"<tr role=.row.>.*?</tr>", table, flags=re.S)[1:]]
    assert [row.split()[0] for row in rows] == ["LeNet,", "bigger", "batch", "augmentation", "The"]
    assert "1.0 2.1 5.2 – irreducible 1.0, bias +1.1, variance +3.1" in rows[0]
    assert "1.0 0.52 1.7 1.9 irreducible 1.0, bias −0.48, variance +1.2, validation over-fit +0.21" in rows[-1]


def luminance(colour):
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_colour_of_text_stands_out_from_its_ground():
    """WCAG AA: 4.5 to 1, on paper and panels, in all three schemes; also the numbers of the confusion matrix."""
    style = (Path(page_module.__file__).parent / "templates/page.css").read_text(encoding="utf-8")
    schemes = re.findall(r":root \{(.*?)\}", style, flags=re.S)
    assert len(schemes) == 3
    for scheme in schemes:
        colours = dict(re.findall(r"--([\w-]+): (#\w+)", scheme))
        colours = {name: "#" + "".join(2 * c for c in value[1:]) if len(value) == 4 else value
                   for name, value in colours.items()}  # fmt: skip
        grounds = [colours["paper"], colours["panel"]]
        tinted = [blend(scheme, kind, colours["paper"]) for kind in ("right", "wrong")]
        every = ("ink", "quiet", "blue", "ochre", "green", "rust", "link", "plum")
        for ground, names in [*((ground, every) for ground in grounds), *((ground, ("ink",)) for ground in tinted)]:
            for name in names:
                light, dark = sorted((luminance(colours[name]), luminance(ground)), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, ground)


def blend(scheme, kind, paper):
    """The darkest ground of the confusion matrix: the tint at its largest share over the paper."""
    tint = map(int, re.search(rf"--{kind}: (\d+) (\d+) (\d+)", scheme).groups())
    under = (int(paper[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(0.46 * a + 0.54 * b):02x}" for a, b in zip(tint, under, strict=True))


def test_the_findings_as_markdown_say_what_the_page_says(tmp_path):
    root = suspect(make_project(tmp_path))
    found = {stage: summary(root, stage).replace(words.NBSP, " ") for stage in ("diagnose", "improve", "report")}
    assert "| variance | +3.1 points | +0.90 to +6.3 |" in found["diagnose"]
    assert "- 2 of 31 slices do worse beyond chance." in found["diagnose"]
    assert "| 4 | augmentation | over-fitting | 3.1 % → 1.7 % | < 0.001 | kept |" in found["improve"]
    assert "- About 900 more training examples" in found["improve"]
    assert "| test | 1.9 % | 0.95 to 4.0 % |" in found["report"] and "| This model | 1.9 % |" in found["report"]
    assert summary(root, "split") is None and summary(tmp_path / "nothing", "report") is None
