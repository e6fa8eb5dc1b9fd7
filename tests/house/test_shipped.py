"""The models that come with rnntui: small and good. `test_install.py` uses them from the wheel."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from en_es_pairs import read_pairs, split_pairs
from tiny_runs import make_run

from rnntui.config_classifier import ClassifierTrainingConfig
from rnntui.config_seq2seq import BeamConfig, Seq2SeqTrainingConfig
from rnntui.errors import RunError
from rnntui.exporting.onnx_export import export_onnx
from rnntui.exporting.small_copy import export_run
from rnntui.inference.classifier import load_classifier
from rnntui.inference.generate import initial_context_ids
from rnntui.inference.loaded_model import load_language_model
from rnntui.inference.scoring import score
from rnntui.inference.translator import load_translator
from rnntui.inspection.unit_inspection import UnitQuery, unit_report
from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.runs.folder import RunFolder
from rnntui.runs.integrity import verify_run
from rnntui.runs.lookup import shipped_runs
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.weights_file import load_arrays, load_weights, save_arrays
from rnntui.text.corpus import find_corpus
from rnntui.text.label_split import is_recorded_split, split_labelled
from rnntui.text.labelled import read_labelled
from rnntui.training.bleu import score_translations

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = RunFolder(ROOT / "checkpoints" / "shakespeare")
TRANSLATOR = RunFolder(ROOT / "checkpoints" / "en-es")
CLASSIFIER = RunFolder(ROOT / "checkpoints" / "authors")
LINES = ROOT / "tests" / "data" / "en-es-lines.tsv"
"""English lines, each with the Spanish translations that are right, separated by |."""


@pytest.mark.parametrize(("name", "most"), [("shakespeare", 4e6), ("chat", 12e6), ("en-es", 12e6), ("authors", 3e6)])
def test_it_is_half_precision_on_disk_and_small(name: str, most: float) -> None:
    run = RunFolder(ROOT / "checkpoints" / name)
    arrays, _ = load_arrays(run.weights_file)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float16)}
    assert sum(file.stat().st_size for file in run.path.rglob("*")) < most
    assert {weight.dtype for weight in load_weights(run.weights_file).values()} == {np.dtype(np.float32)}
    assert run.read_status().state == "done"


def test_it_translates_sentences_it_never_saw() -> None:
    config = TRANSLATOR.read_config()
    assert config.corpus.sources == ("corpora/en-es.tsv",)
    assert config.corpus.fingerprint == read_pairs().fingerprint()
    settings = config.training_as(Seq2SeqTrainingConfig)
    _, held_out = split_pairs(settings.validation_fraction, settings.seed)
    few = held_out[::40]
    found = load_translator(TRANSLATOR).translate([pair.source for pair in few], BeamConfig(), resolve_ties=False)
    assert score_translations([one.text for one in found], [pair.target for pair in few]).bleu > 30


def test_it_names_the_author_of_sentences_it_never_saw() -> None:
    config = CLASSIFIER.read_config()
    texts = read_labelled(find_corpus([str(ROOT / "corpora" / "authors.tsv")]))
    assert config.corpus.sources == ("corpora/authors.tsv",) and config.corpus.fingerprint == texts.fingerprint()
    settings = config.training_as(ClassifierTrainingConfig)
    training, held_out = split_labelled(texts.rows, settings.validation_fraction, settings.seed)
    assert is_recorded_split(config.corpus_as(LabelledCorpusInfo), training, held_out)
    answers = load_classifier(CLASSIFIER).classify([row.text for row in held_out])
    right = sum(answer.label == row.label for answer, row in zip(answers, held_out, strict=True))
    accuracy = 100 * right / len(held_out)
    assert accuracy > 87 and accuracy == pytest.approx(CLASSIFIER.read_status().results["accuracy"], abs=0.3)


WRONG = {
    "Yes.",
    "Please.",
    "What time is it?",
    "I was born in 1987 and left in 2003.",
}
"""The lines of `en-es-lines.tsv` that the shipped model gets wrong."""


def test_it_translates_what_people_write() -> None:
    """Greetings, capitals, numbers, addresses, names, several sentences, and lines without anything to translate."""
    rows = [row.split("\t") for row in LINES.read_text(encoding="utf-8").splitlines()]
    found = load_translator(TRANSLATOR).translate([source for source, _ in rows], BeamConfig())
    wrong = {
        f"{source} -> {one.text}": source
        for (source, right), one in zip(rows, found, strict=True)
        if one.text not in right.split("|")
    }
    assert len(rows) >= 76
    assert not {answer for answer, source in wrong.items() if source not in WRONG}


def test_it_keeps_numbers_even_where_it_is_wrong() -> None:
    rows = [row.split("\t")[0] for row in LINES.read_text(encoding="utf-8").splitlines()]
    numbered = [source for source in rows if any(character.isdigit() for character in source)]
    for source, one in zip(numbered, load_translator(TRANSLATOR).translate(numbered, BeamConfig()), strict=True):
        assert re.findall(r"\d[\d.,:/]*\d|\d", one.text) == re.findall(r"\d[\d.,:/]*\d|\d", source)


def test_it_finds_shakespeare_it_never_saw_unsurprising() -> None:
    loaded = load_language_model(SHIPPED)
    text = (ROOT / "corpora" / "shakespeare.txt").read_text(encoding="utf-8")[-6000:]
    found = score(loaded.network, initial_context_ids(loaded.tokenizer), loaded.tokenizer.encode(text), len(text))
    assert found.bits_per_character is not None and found.bits_per_character < 2.25


@pytest.mark.parametrize("name", ["shakespeare", "chat"])
def test_it_reports_its_own_losses_and_not_those_of_the_run_that_it_was_copied_from(name: str) -> None:
    page = (ROOT / "docs" / "guide" / "models.md").read_text("utf-8")
    page = page.split(f"`checkpoints/{name}/`: ")[1].replace("\n", " ")
    figures = re.search(r"streaming loss is ([\d.]+) and its windowed loss ([\d.]+) .*? is ([\d.]+) bits per", page)
    assert figures is not None
    status = RunFolder(ROOT / "checkpoints" / name).read_status()
    reported = (status.results["streaming"], status.results["windowed"], status.bits_per_character)
    for figure, value in zip(figures.groups(), reported, strict=True):
        assert f"{value:.{len(figure.split('.')[1])}f}" == figure
    assert status.validation_loss == status.results["streaming"]


@pytest.mark.parametrize(("name", "features"), [("shakespeare", ("brackets", "question")), ("chat", ("speaker",))])
def test_the_guide_has_what_its_units_track(name: str, features: tuple[str, ...]) -> None:
    run = RunFolder(ROOT / "checkpoints" / name)
    report = unit_report(run, load_language_model(run, precision="fp32"), UnitQuery("A: a", features=features, top=5))
    page = (ROOT / "docs" / "guide" / "writing.md").read_text("utf-8")
    rows = re.findall(rf"^\| `{name}`, (?:inside|in|whose) .* \| (\d+/\d+ \w) \| (.*) \|$", page, flags=re.MULTILINE)
    assert len(rows) == len(report.rankings) == len(features)
    for (unit, figures), ranking in zip(rows, report.rankings, strict=True):
        best = ranking.units[0]
        assert str(best.name) == unit
        wanted = [float(figure.rstrip("%")) / 100 for figure in figures.split(" | ")]
        assert wanted == pytest.approx(
            [best.score, ranking.layers[0].score, ranking.token_score, ranking.luck], abs=0.002
        )
        scores = [each.score for each in ranking.units]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("name", ["shakespeare", "authors"])
def test_the_guide_has_the_sizes_of_its_exports(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    run = RunFolder(ROOT / "checkpoints" / name)
    sizes = []
    for is_int8 in (False, True):
        folder = tmp_path / str(is_int8)
        export_onnx(run, folder, is_int8)
        sizes.append(sum(file.stat().st_size for file in folder.iterdir()))
    page = (ROOT / "docs" / "guide" / "inspection.md").read_text("utf-8")
    share = re.search(rf"(\d+)% for `{name}`", page)
    assert share is not None and round(100 * sizes[1] / sizes[0]) == int(share[1])


def test_it_says_which_text_it_came_from() -> None:
    assert SHIPPED.read_config().corpus.sources == ("corpora/shakespeare.txt",)


def test_an_exported_run_is_complete_in_half_precision_and_thinned(tmp_path: Path) -> None:
    run, copy = make_run(tmp_path, "run"), RunFolder(tmp_path / "copy")
    run.resume_folder.mkdir()
    (run.resume_folder / "state.json").write_text("{}")
    training_rows = [{"step": step, "train_loss": 2.0} for step in range(1, 30)]
    rows = [*training_rows, {"step": 29, "validation_loss": 1.5}]
    run.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    export_run(run, copy.path)

    files = {str(file.relative_to(copy.path)) for file in copy.path.rglob("*")}
    assert files == {
        "checksums.json", "config.json", "metrics.jsonl", "model.safetensors", "status.json", "tokenizer.json",
    }  # fmt: skip
    assert {report.state for report in verify_run(copy)} == {"whole"}
    assert copy.read_config() == run.read_config()
    status = replace(copy.read_status(), metrics_bytes=0, metrics_sha256="")
    assert status == run.read_status()
    assert [row["step"] for row in read_metrics(copy.metrics_file)] == [1, 11, 21, 29]

    original, exported = load_language_model(run), load_language_model(copy)
    assert exported.tokenizer.encode("A sea.").tolist() == original.tokenizer.encode("A sea.").tolist()
    ours, _ = load_arrays(run.weights_file)
    theirs, _ = load_arrays(copy.weights_file)
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        assert weight.dtype == np.float32 and theirs[name].dtype == np.float16
        np.testing.assert_array_equal(weight.astype(np.float16), theirs[name])


@pytest.mark.parametrize("run", shipped_runs(), ids=lambda run: run.name)
def test_every_file_has_a_checksum_and_the_licence_goes_with_a_copy(run: RunFolder, tmp_path: Path) -> None:
    assert {report.state for report in verify_run(run)} == {"whole"}
    export_run(run, tmp_path / "copy")
    copy = RunFolder(tmp_path / "copy")
    assert copy.license_file.read_bytes() == run.license_file.read_bytes()
    assert {report.state for report in verify_run(copy)} == {"whole"}
    copy.license_file.write_text(copy.license_file.read_text("utf-8").replace("MIT", "WTF"), "utf-8")
    assert [report.name for report in verify_run(copy) if report.is_broken] == ["license.json"]


def test_weights_too_large_for_half_precision_are_refused(tmp_path: Path) -> None:
    export_run(SHIPPED, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    arrays, metadata = load_arrays(run.weights_file)
    save_arrays(run.weights_file, {**arrays, "output.bias": np.full(3, 1e6, dtype=np.float32)}, metadata)
    with pytest.raises(RunError, match=r"output\.bias is too large for float16"):
        export_run(run, tmp_path / "copy")
