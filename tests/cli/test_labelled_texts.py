"""`train-classifier` on labelled texts as people have them: what is said, recorded, and read again later."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from labelled_runs import make_labelled_run, opinions
from tiny_runs import make_run

TINY = [
    "--hidden", "4", "--embedding", "4", "--layers", "1", "--tokenizer", "char", "--ngrams", "none",
    "--steps", "2", "--batch-size", "8",
]  # fmt: skip


def table(count: int = 40) -> str:
    return "stars,review\n" + "".join(f"{i % 2},text number {i}\n" for i in range(count))


def corpus_section(name: str) -> dict[str, object]:
    return json.loads(Path("checkpoints", name, "config.json").read_text("utf-8"))["corpus"]


def test_columns_are_recorded_and_read_again(rnntui) -> None:
    Path("t.csv").write_text(table())
    result = rnntui("train-classifier", "t.csv", *TINY)
    assert result.code == 0, result.err
    assert result.err.splitlines()[0] == (
        "rnntui: t.csv: comma-separated, text in column 2, label in column 1, header row skipped ('review', 'stars'); "
        "40 texts, 2 labels ('0' 20, '1' 20), the first: 'text number 0' → '0'"
    )
    section = corpus_section("t")
    assert section["labels"] == ["0", "1"] and section["label_counts"] == [18, 18] and section["rows"] == [36, 4]
    assert section["label_column"] == section["text_column"] == ""
    assert section["layouts"] == [
        {"format": "table", "columns": [2, 1], "delimiter": ",", "quoted": True, "header": True, "width": 2}
    ]
    shown = rnntui("show", "t").out
    assert ", max-text-tokens 512" in shown and ", from ," not in shown, "a setting that is empty is not set"
    assert "as when the run was created" in rnntui("train-classifier", "t.csv", "--resume", "--steps", "3").err
    other = rnntui("train-classifier", "t.csv", "--label-column", "review", "--resume", "--steps", "4")
    assert other.code == 2 and "--label-column cannot change when a run is resumed (it is 1, got 2)" in other.err
    without = rnntui("train-classifier", "--resume", "--label-column", "1", "--steps", "4")
    assert without.code == 2 and "need TEXTS to read" in without.err


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--from", "nowhere"], "nowhere"),
        (["--from", "verse", "--hidden", "5"], "--hidden 5 is not that of --from verse, 16"),
        (["--from", "verse", "--tokenizer", "word"], "--tokenizer word is not that of --from verse, char"),
        (["--from", "empty"], "has no weights yet"),
        (["--from", "opinions"], "checkpoints/opinions/model.safetensors is missing"),
        (["--name", "verse"], "run verse exists"),
        (["--name", "a/b"], "is not a valid name"),
    ],
)
def test_a_wrong_language_model_or_name_is_refused_before_the_table_is_read(
    rnntui, flags: list[str], problem: str
) -> None:
    checkpoints = Path("checkpoints")
    make_run(checkpoints, "verse")
    make_run(checkpoints, "empty").weights_file.unlink()
    make_labelled_run(Path(), opinions(), "opinions")
    Path("t.csv").write_text(table())
    result = rnntui("train-classifier", "t.csv", *flags)
    assert result.code in (1, 2) and len(result.err.splitlines()) <= 2, result.err
    assert problem in result.err and "t.csv" not in result.err


@pytest.mark.parametrize("command", ["train", "train-seq2seq", "train-classifier"])
def test_a_name_that_is_taken_is_refused_before_anything_is_read(rnntui, command: str) -> None:
    make_run(Path("checkpoints"), "verse")
    Path("broken.tsv").write_bytes(b"a\xff\tb\n" * 50)
    result = rnntui(command, "broken.tsv", "--name", "verse")
    assert result.code == 2 and "run verse exists" in result.err and "broken.tsv" not in result.err


def test_a_folder_that_is_named_again_is_read_once(rnntui) -> None:
    for label in ("pos", "neg"):
        Path("train", label).mkdir(parents=True)
        for i in range(12):
            Path("train", label, f"{i}.txt").write_text(f"{label} number {i}\n")
    named = ("train-classifier", "train", "train/pos/3.txt")
    result = rnntui(*named, *TINY)
    assert result.code == 0 and "train/pos/3.txt was named twice; it is read once" in result.err, result.err
    assert "24 texts" in result.err and "repeat" not in result.err
    assert rnntui(*named, "--resume", "--steps", "3").code == 0


def test_folders_of_labels_are_texts_to_train_and_to_validate_on(rnntui) -> None:
    for split, count in (("train", 12), ("test", 4)):
        for label in ("pos", "neg"):
            Path(split, label).mkdir(parents=True)
            for i in range(count):
                Path(split, label, f"{i}.txt").write_text(f"{label} number {i + len(split)}\n")
    result = rnntui("train-classifier", "train", "--validation-texts", "test", *TINY)
    assert result.code == 0, result.err
    assert "6 of 8 validation texts occur in training, as 'neg number 5' (row 1 of test/neg/1.txt)" in result.err
    section = corpus_section("train")
    assert section["sources"] == ["train/neg", "train/pos"] and section["rows"] == [24, 8]
    assert section["validation_sources"] == ["test/neg", "test/pos"]
    again = rnntui("train-classifier", "train", "--validation-texts", "test", "--resume", "--steps", "3")
    assert again.code == 0, again.err


@pytest.mark.parametrize(
    ("text", "flags", "code", "says"),
    [
        ("a\tpos\nb\tpos\n", [], 1, "all 2 rows have one label, 'pos'; a classifier needs two"),
        (
            "".join(f"pos\tfilm {i}\n" for i in range(20)),
            ["--label-column", "2"],
            1,
            "20 different labels in 20 rows; text and label look swapped",
        ),
        ("".join(f"a text {i}\tein Text {i}\n" for i in range(20)), [], 1, "rnntui train-seq2seq"),
        ("a\tx\nb\ty\n", [], 1, "cannot hold out a validation set from 2 texts"),
        ("a\tx\nb\ty\n", ["--label-column", "0"], 2, "by its number from 1 or by its header"),
        ("a\tx\nb\ty\n", ["--label-column", "5"], 2, "--label-column 5: t.tsv has 2 columns"),
    ],
)
def test_what_cannot_be_learned_is_one_line_before_anything_is_written(
    rnntui, text: str, flags: list[str], code: int, says: str
) -> None:
    Path("t.tsv").write_text(text)
    result = rnntui("train-classifier", "t.tsv", *flags, *TINY)
    assert result.code == code and says in result.err.splitlines()[-1]
    assert not Path("checkpoints").exists() or not list(Path("checkpoints").iterdir())


def test_odd_labels_and_texts_are_told_and_learned(rnntui) -> None:
    Path("t.tsv").write_text(
        table().replace(",", "\t") + "Rare label\tonce\n1\ttext number 2\n" + "0\t" + "long " * 2000
    )
    Path("dev.tsv").write_text("Text, number 3!\t1\nnew\t0\nother\tunseen\n")
    result = rnntui("train-classifier", "t.tsv", "--validation-texts", "dev.tsv", *TINY)
    assert result.code == 0, result.err
    for line in (
        "label 'Rare label' has 1 row: it is learned, but cannot be validated",
        "1 text has several labels, as 'text number 2' (row 4 of t.tsv)",
        "1 of 3 validation texts occurs in training, as 'Text, number 3!' (row 1 of dev.tsv)",
        "1 validation text is left out, whose labels are not in training: unseen",
        "1 training text is cut off",
    ):
        assert line in result.err
