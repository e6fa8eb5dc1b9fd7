"""`train-seq2seq` and `evaluate` on tables as people have them: what is said, recorded, and read again later."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rnntui.kinds.pair_corpus_info import FIRST_TABLE_LAYOUT, PairCorpusInfo
from rnntui.runs.checksums import copy_of
from rnntui.runs.folder import RunFolder

CASES = Path(__file__).parents[1] / "data" / "cases"
TINY = [
    "--hidden", "8", "--encoder-hidden", "4", "--embedding", "8", "--tokenizer", "char", "--steps", "2",
    "--eval-tokens", "256", "--bleu-pairs", "2", "--batch-size", "4", "--validation-fraction", "0.1",
]  # fmt: skip


def corpus_section(name: str) -> dict[str, object]:
    return json.loads(Path("checkpoints", name, "config.json").read_text("utf-8"))["corpus"]


def test_ids_are_refused_before_training_begins(rnntui) -> None:
    result = rnntui("train-seq2seq", CASES / "columns-id-text-translation.tsv", *TINY)
    assert result.code == 1 and result.err.count("\n") == 1 and not Path("checkpoints").exists()
    assert "column 1 holds numbers" in result.err and "--columns 2,3" in result.err


@pytest.mark.parametrize("is_of_earlier_version", [False, True])
def test_a_table_that_is_named_again_is_read_once(
    rnntui, monkeypatch: pytest.MonkeyPatch, is_of_earlier_version: bool
) -> None:
    shutil.copy(CASES / "columns-id-text-translation.tsv", "table.tsv")
    named = ("train-seq2seq", "table.tsv", "./table.tsv", "--columns", "2,3")
    with monkeypatch.context() as patch:
        if is_of_earlier_version:  # which read it twice
            patch.setattr("rnntui.text.repeated_files.without_repeats", lambda corpus: (corpus, ""))
        result = rnntui(*named, *TINY)
    sources = ["table.tsv"] + ["./table.tsv"] * is_of_earlier_version
    assert result.code == 0 and corpus_section("table")["sources"] == sources
    assert ("table.tsv was named twice; it is read once" in result.err) is not is_of_earlier_version
    assert f"{150 * len(sources)} pairs" in result.err
    resumed = rnntui(*named, "--resume", "--steps", "3")
    assert resumed.code == 0, resumed.err


def test_columns_are_recorded_and_read_again(rnntui) -> None:
    shutil.copy(CASES / "columns-id-text-translation.tsv", "table.tsv")
    result = rnntui("train-seq2seq", "table.tsv", "--columns", "2,3", "--name", "mine", *TINY)
    assert result.code == 0 and result.err.splitlines()[0] == (
        "rnntui: table.tsv: tab-separated, columns 2 and 3 of 3; 150 pairs, the first: "
        "'The gardener forgot a silver key as usua…' → 'Gardu oblid klavo arg kom sem.'"
    )
    section = corpus_section("mine")
    assert section["columns"] == "2,3" and section["split"] == "both"
    assert section["layouts"] == [
        {"format": "table", "columns": [2, 3], "delimiter": "\t", "quoted": False, "header": False, "width": 3}
    ]
    assert rnntui("train-seq2seq", "table.tsv", "--resume", "--steps", "3").code == 0
    assert rnntui("train-seq2seq", "table.tsv", "--columns", "2,3", "--resume", "--steps", "4").code == 0
    other = rnntui("train-seq2seq", "table.tsv", "--columns", "3,2", "--resume", "--steps", "5")
    assert other.code == 2
    assert "--columns cannot change when a run is resumed (it is 2,3, got 3,2)" in other.err
    held_out = rnntui("evaluate", "table.tsv", "--run", "mine", "--held-out", "--save", "held-out.tsv")
    assert held_out.code == 0 and "evaluating on 15 of 150 pairs" in held_out.err
    assert len(Path("held-out.tsv").read_text("utf-8").splitlines()) == 15
    turned = rnntui("evaluate", "table.tsv", "--run", "mine", "--columns", "3,2", "--json")
    assert json.loads(turned.out)["pairs"] == 150 and "the first: 'Gardu" in turned.err


def test_runs_of_earlier_versions_are_read_as_then(rnntui, tmp_path: Path) -> None:
    assert rnntui("train-seq2seq", CASES / "pairs-cr-only.tsv", "--name", "old", *TINY).code == 0
    run = RunFolder(Path("checkpoints", "old"))
    config = json.loads(run.config_file.read_text("utf-8"))
    for key in ("columns", "layouts", "split"):
        del config["corpus"][key]
    run.config_file.write_text(json.dumps(config))
    for checksums in (run.checksums_file, copy_of(run, run.checksums_file)):
        checksums.unlink()
    assert run.read_config().corpus_as(PairCorpusInfo).recorded_layouts == (FIRST_TABLE_LAYOUT,)
    result = rnntui("evaluate", CASES / "pairs-cr-only.tsv", "--run", "old", "--held-out")
    assert result.code == 0 and "evaluating on 15 of 150 pairs" in result.err


@pytest.mark.parametrize("name", ["labels-two.tsv", "labels-tag-sequences.tsv"])
def test_labels_train_and_only_sources_are_held_out(rnntui, name: str) -> None:
    result = rnntui("train-seq2seq", CASES / name, "--name", "labels", *TINY)
    assert result.code == 0 and "held-out pairs share targets, but no sources, with the training pairs" in result.err
    assert corpus_section("labels")["split"] == "source"
    result = rnntui("evaluate", CASES / name, "--run", "labels", "--held-out")
    assert result.code == 0 and "their sources do not occur in the training pairs" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--columns", "2"], "--columns '2' must name two columns"),
        (["--columns", "1,9"], "has 2 columns"),
        (["--columns", "id,target"], "has no 'id'"),
        (["--validation-pairs", CASES / "columns-id-text-translation.tsv"], "column 1 holds numbers"),
    ],
)
def test_what_is_wrong_with_columns_is_said_before_training(rnntui, arguments: list[object], message: str) -> None:
    result = rnntui("train-seq2seq", CASES / "columns-header-row.tsv", *arguments, *TINY)
    assert result.code in (1, 2) and message in result.err and not Path("checkpoints").exists()


def test_validation_pairs_are_read_with_their_own_layout(rnntui) -> None:
    result = rnntui("train-seq2seq", CASES / "table.csv", "--validation-pairs", CASES / "memory.tmx", *TINY)
    assert result.code == 0 and "comma-separated with quoted cells" in result.err
    assert "translation memory, en to ty; 14 pairs" in result.err
    assert corpus_section("table")["split"] is None


def test_columns_do_not_go_with_aligned_files(rnntui) -> None:
    Path("a.en").write_text("one\n")
    Path("a.es").write_text("uno\n")
    result = rnntui("train-seq2seq", "--source", "a.en", "--target", "a.es", "--columns", "1,2")
    assert result.code == 2 and "not for --source and --target" in result.err


def test_a_single_pair_is_not_1_pairs(rnntui) -> None:
    Path("one.tsv").write_text("Hello.\tHola.\n")
    result = rnntui("train-seq2seq", "one.tsv", *TINY)
    assert (
        result.code == 1
        and "cannot hold out a validation set from 1 pair;" in result.err
        and "1 pairs" not in result.err
    )
