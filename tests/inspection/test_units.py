"""`inspect units`: a unit that counts brackets is found, and a text is coloured by it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from bracket_counter import UNIT, bracket_run, bracket_text

from rnntui.errors import CancelledError, CorpusError, UsageError
from rnntui.inference.loaded_model import LoadedLanguageModel, load_language_model
from rnntui.inspection.inspection import Inspection, InspectionRequest
from rnntui.inspection.linear_probes import Cut
from rnntui.inspection.text_features import Feature
from rnntui.inspection.unit_inspection import UnitQuery, inspect_units, unit_report
from rnntui.inspection.unit_probes import FeatureRanking, RankedUnit, UnitName, parse_unit
from rnntui.inspection.unit_report import UnitReport
from rnntui.runs.folder import RunFolder

TEXT = bracket_text(1600)
COUNTER = UnitName(1, UNIT + 1, "c")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return bracket_run(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def loaded(run: RunFolder) -> LoadedLanguageModel:
    return load_language_model(run)


@pytest.fixture(scope="module", autouse=True)
def few_shuffles() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnntui.inspection.unit_probes._SHIFTS", (0.29, 0.61))
        yield


@pytest.fixture(scope="module")
def report(run: RunFolder, loaded: LoadedLanguageModel) -> UnitReport:
    return unit_report(run, loaded, UnitQuery("a (b (c) d) e", probed_text=TEXT, top=2))


def text_of(report: Inspection, width: int) -> list[str]:
    return ["".join(text for text, _ in row) for row in report.rows(width)]


def test_a_unit_that_counts_brackets_is_ranked_first(report: UnitReport) -> None:
    rankings = {ranking.feature.id: ranking for ranking in report.rankings}
    depth, inside = rankings["bracket-depth"], rankings["brackets"]
    assert depth.units[0].name == COUNTER and depth.units[0].score > 0.999
    # Its hidden state knows it too; no other unit hears of brackets.
    assert {unit.name for unit in inside.units[:2]} == {COUNTER, COUNTER._replace(quantity="h")}
    assert inside.units[0].score == 1.0 and inside.units[0].cut.is_above
    assert inside.units[0].score > inside.token_score + 0.2
    assert inside.layers[0].layer == 1 and inside.layers[0].score > 0.99
    assert max(layer.score for layer in inside.layers if layer.layer == 2) < inside.token_score + 0.1
    assert 0.4 < inside.luck < 0.65 and depth.luck < 0.1  # of the best of ten, too
    assert {report.rankings[0].feature.id, report.rankings[1].feature.id} == {"brackets", "bracket-depth"}
    assert "quotes" in {feature.id for feature in report.rare}


def test_the_best_unit_comes_first_however_many_are_shown(loaded: LoadedLanguageModel, run: RunFolder) -> None:
    reports = [unit_report(run, loaded, UnitQuery("a(b", probed_text=TEXT, top=top)) for top in (1, 10)]
    for one, ten in zip(*(report.to_json()["features"] for report in reports), strict=True):
        measure = ten["measure"]
        scores = [unit[measure] for unit in ten["units"]]
        assert len(scores) == 10 and scores == sorted(scores, reverse=True)
        assert one["units"] == ten["units"][:1]
    first, second = (report.shown for report in reports)
    assert first is not None and second is not None and first.unit == second.unit == reports[1].rankings[0].units[0]


def test_what_a_unit_knows_nothing_about_comes_after_what_it_knows() -> None:
    def ranking(title: str, score: float, token: float, is_number: bool = False) -> FeatureRanking:
        unit = RankedUnit(UnitName(1, 1, "h"), Cut(0.0, True), score, score, (-1.0, 1.0))
        return FeatureRanking(Feature(title, title, is_number), 0.3, 0.0, token, 0.0, 0.0, (unit,), ())

    rankings = [
        ranking("remembered", 0.8, 0.6),
        ranking("remembered a little", 0.65, 0.6),
        ranking("known by the token better", 0.662, 0.9),
        ranking("known by the token far better", 0.6, 1.0),
        ranking("a count, by luck", 0.004, -0.01, is_number=True),
        ranking("unknown count", 0.0, 0.0, is_number=True),
        ranking("unknown", 0.5, 0.5),
        ranking("worse than nothing", -0.2, 0.0, is_number=True),
    ]
    for order in (rankings, rankings[::-1]):
        titles = [each.feature.title for each in sorted(order, key=lambda each: each.rank, reverse=True)]
        assert titles[:5] == [each.feature.title for each in rankings[:5]]
        assert titles[-1] == "worse than nothing"


def test_a_text_is_coloured_by_the_best_unit(run: RunFolder, loaded: LoadedLanguageModel) -> None:
    report = unit_report(run, loaded, UnitQuery("a (b (c)) e", probed_text=TEXT, features=("bracket-depth",)))
    assert report.shown is not None
    depth = np.array([0, 0, 1, 1, 1, 2, 2, 1, 0, 0, 0])
    np.testing.assert_allclose(report.shown.values, np.tanh(0.5) * depth, atol=1e-4)
    for width in (20, 80, 140):
        lines = text_of(report, width)
        assert max(map(len, lines)) <= width
        assert lines[-2:] == ["a (b (c)) e", "▁▁▅▅▅██▅▁▁▁"]
    assert report.summary()[0].startswith(
        "Unit 8 of layer 1, cell state c, explains 1.00 of the variance of the depth of brackets (R²); the current "
    )
    values = json.loads(json.dumps(report.to_json(), allow_nan=False))
    unit = values["features"][0]["units"][0]
    assert (unit["layer"], unit["unit"], unit["gate"], unit["is_above"]) == (1, 8, "c", True) and unit["r2"] > 0.999
    assert values["shown"]["tokens"] == list("a (b (c)) e") and len(values["shown"]["values"]) == 11
    assert "<svg" in report.svg() and "Unit 8 of layer 1" in report.svg()


def test_one_unit_is_looked_at_by_its_name(run: RunFolder, loaded: LoadedLanguageModel) -> None:
    report = unit_report(run, loaded, UnitQuery("(a", probed_text=TEXT, unit="1/8", quantity="c"))
    assert report.rankings[0].feature.id in ("brackets", "bracket-depth")
    assert {ranking.units[0].name for ranking in report.rankings} == {COUNTER}
    other = unit_report(run, loaded, UnitQuery("(a", probed_text=TEXT, unit="2/3", quantity="f"))
    assert other.shown is not None and other.shown.unit.name == UnitName(2, 3, "f")
    assert all(0 < value < 1 for value in other.shown.values)


def test_a_view_colours_a_short_text_and_probes_on_a_long_one(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.inspection.probe_reading.PROBE_TOKENS", 1100)
    short = inspect_units(InspectionRequest((run,), "((a)"), lambda: False)
    assert short.shown is not None and short.shown.pieces == list("((a)") and "drew" in short.origin
    long = inspect_units(InspectionRequest((run,), TEXT), lambda: False)
    assert long.origin == "the given text" and long.shown is not None and "(" in "".join(long.shown.pieces)
    with pytest.raises(CancelledError):
        inspect_units(InspectionRequest((run,), TEXT), lambda: True)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"unit": "3/1"}, "this model has layers 1 to 2 with units 1 to 12"),
        ({"unit": "1/13"}, "units 1 to 12"),
        ({"unit": "x"}, "not a unit; units are LAYER/UNIT"),
        ({"unit": "1/1", "quantity": "z"}, "an LSTM has h, c, i, f, o, g"),
        ({"features": ("nope",)}, "--feature nope: there are quotes, brackets"),
    ],
)
def test_what_is_not_there_is_an_error(
    run: RunFolder, loaded: LoadedLanguageModel, query: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        unit_report(run, loaded, UnitQuery(probed_text=TEXT, **query))  # type: ignore[arg-type]


def test_a_short_text_is_not_probed_on(run: RunFolder, loaded: LoadedLanguageModel) -> None:
    with pytest.raises(CorpusError, match="the text has 30 tokens, and units are probed on 1,024 at least"):
        unit_report(run, loaded, UnitQuery(probed_text=TEXT[:30]))


def test_a_text_without_any_feature_has_no_ranking(run: RunFolder, loaded: LoadedLanguageModel) -> None:
    report = unit_report(run, loaded, UnitQuery(probed_text=TEXT, features=("quotes", "digit")))
    assert report.rankings == [] and report.shown is None
    assert report.summary() == ["No feature is frequent enough in this text to be probed for; use a longer one."]
    assert report.rows(80) == [] and "<svg" in report.svg()


def test_names_of_units(loaded: LoadedLanguageModel) -> None:
    assert parse_unit("2/12", "o", loaded) == UnitName(2, 12, "o") and str(UnitName(2, 12, "o")) == "2/12 o"
    assert parse_unit("5", "h", loaded) == UnitName(1, 5, "h")
