"""`rnntui classify` as a user types it: lines to labels, explanations, JSON, what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from classifier_examples import make_classifier_run

from rnntui.cli.classify_output import ClassificationWriter, word_shares
from rnntui.inference.classifier import Classification
from rnntui.inference.explanation import Explanation, Removal, TokenShare

TEXTS = ["a film of rare warmth", "dull and bad", "it's good enough", "a bad film", "of rare warmth and dull"]
LINES = b"a film of rare warmth\n\n   \ndull\n"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoints folder with the classifiers `letters` and `words`."""
    folder = tmp_path_factory.mktemp("checkpoints")
    make_classifier_run(folder, "letters", TEXTS * 3, ngrams="both")
    make_classifier_run(folder, "words", TEXTS * 3, tokenizer="word", pooling="attention")
    return folder


@pytest.fixture
def classify(rnntui, runs: Path):
    def call(*arguments: str | Path, stdin: bytes = b"", run: str = "letters"):
        return rnntui("classify", "--run", runs / run, *arguments, stdin=stdin)

    return call


def test_each_line_gets_a_label_and_a_probability_and_blank_stays_blank(classify) -> None:
    result = classify(stdin=LINES)
    assert (result.code, result.err) == (0, "")
    lines = result.out.split("\n")
    assert len(lines) == 5 and lines[1] == lines[2] == lines[4] == ""
    for line in (lines[0], lines[3]):
        label, probability = line.split("\t")
        assert (
            label in ("positive", "negative", "neutral") and len(probability) == 6 and 1 / 3 < float(probability) <= 1
        )
    assert classify("a film of rare warmth", " ", "dull").out.split("\n") == [lines[0], "", lines[3], ""]
    Path("lines.txt").write_bytes(LINES)
    assert classify("--file", "lines.txt", "--file", "lines.txt").out == 2 * result.out
    assert classify(stdin=b"").out == ""


def test_further_labels_are_further_columns(classify) -> None:
    columns = classify("--top", "9", "dull").out.rstrip("\n").split("\t")
    assert sorted(columns[::2]) == ["negative", "neutral", "positive"]
    probabilities = [float(column) for column in columns[1::2]]
    assert probabilities == sorted(probabilities, reverse=True) and sum(probabilities) == pytest.approx(1, abs=2e-4)
    assert classify("--top", "2", "dull").out == "\t".join(columns[:4]) + "\n"
    assert classify("--top", "0", "dull").code == 2


def test_labels_below_the_threshold_are_unsure(classify) -> None:
    sure, _, _, unsure, _ = classify(stdin=LINES).out.split("\n")
    if sure.split("\t")[1] < unsure.split("\t")[1]:
        sure, unsure = unsure, sure
    threshold = sure.split("\t")[1]  # of four decimals, as it is written: reached, not missed by rounding
    (_, low), lines = unsure.split("\t"), classify(stdin=LINES).out
    result = classify("--threshold", threshold, stdin=LINES)
    assert result.out == lines.replace(unsure, f"?\t{low}")
    assert result.err == f"rnntui: 1 of 2 lines is below --threshold {float(threshold):g} (50.0%)\n"
    assert classify("--threshold", threshold, "--unsure", "to check", stdin=LINES).out == result.out.replace(
        "?", "to check"
    )
    several = classify("--threshold", threshold, "--top", "2", stdin=LINES).out.split("\n")
    without = classify("--top", "2", stdin=LINES).out.split("\n")
    assert several == [
        line and f"{'?' if line.startswith(unsure) else line.split(chr(9))[0]}\t{line}" for line in without
    ]
    rows = [json.loads(line) for line in classify("--threshold", threshold, "--json", stdin=LINES).out.splitlines()]
    assert sorted(str(row["label"]) for row in rows) == sorted(["None", "None", "?", sure.split("\t")[0]])
    assert unsure.split("\t")[0] in [next(iter(row["labels"]), "") for row in rows]
    note = classify("--threshold", "0.3", "dull").err.splitlines()[0]
    assert note == "rnntui: --threshold 0.3 changes nothing: of 3 labels, the best one always has 0.3333 or more"


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--threshold", "1.5"], "--threshold must be between 0 and 1 (got 1.5)"),
        (["--threshold", "nan"], "--threshold must be between 0 and 1 (got nan)"),
        (["--unsure", "maybe"], "--unsure needs --threshold"),
        (["--threshold", "0.9", "--unsure", "a\tb"], "no tabs and no line breaks"),
        (["--threshold", "0.9", "--unsure", "a\n"], "no tabs and no line breaks"),
        (["--threshold", "0.9", "--runs", "a,b"], "is for a classifier, not for --runs"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(classify, flags: list[str], problem: str) -> None:
    result = classify(*flags, "dull")
    assert result.code == 2 and problem in result.err and not result.out


def test_json_has_every_label_and_the_reasons(classify) -> None:
    lines = [json.loads(line) for line in classify("--json", "--explain", stdin=LINES, run="words").out.splitlines()]
    plain = [line.split("\t") for line in classify(stdin=LINES, run="words").out.splitlines()]
    blank = {"label": None, "probability": None, "labels": {}, "tokens": [], "removals": []}
    assert lines[1:3] == [{"text": text, **blank} for text in ("", "   ")]
    assert [lines[0]["label"], f"{lines[0]['probability']:.4f}"] == plain[0]
    assert len(lines[0]["labels"]) == 3 and next(iter(lines[0]["labels"])) == lines[0]["label"]
    tokens = lines[0]["tokens"]
    assert [token["text"] for token in tokens] == ["a", "film", "of", "rare", "warmth"]
    assert set(tokens[0]) == {"text", "start", "end", "share", "gradient_x_input", "ngrams", "attention"}
    assert sum(token["attention"] for token in tokens) == pytest.approx(1, abs=1e-3)
    assert {removal["word"] for removal in lines[0]["removals"]} == {"a", "film", "of", "rare", "warmth"}
    assert set(lines[0]["removals"][0]) == {"word", "start", "end", "label", "probability", "changes", "explained"}
    without = json.loads(classify("--json", "--top", "2", "dull").out)
    assert "tokens" not in without and len(without["labels"]) == 3
    assert without["top"] == [list(pair) for pair in list(without["labels"].items())[:2]]


def test_an_explanation_in_columns_names_the_words_that_decide(classify) -> None:
    [line, blank] = classify("--explain", "a film of rare warmth", " ").out.splitlines()
    label, probability, words, changes = line.split("\t")
    assert blank == "" and classify("a film of rare warmth").out == f"{label}\t{probability}\n"
    names, shares = zip(*(word.rsplit(" ", 1) for word in words.split(", ")), strict=True)
    assert set(names) <= {"a", "film", "of", "rare", "warmth"}
    sizes = [abs(float(share)) for share in shares]
    assert sizes == sorted(sizes, reverse=True)
    assert not changes or changes.startswith("without ")


def explained(line: str, *shares: float, removals: tuple[Removal, ...] = ()) -> tuple[Classification, Explanation]:
    """An explanation in which each word of a line is a token with a share."""
    tokens, start = [], 0
    for word, share in zip(line.split(" "), shares, strict=True):
        tokens.append(TokenShare(word, start, start + len(word), share, share, 0.0, None))
        start += len(word) + 1
    return Classification([("good", 0.75), ("bad", 0.25)]), Explanation("good", 1.1, tokens, removals)


def test_in_a_terminal_tokens_are_coloured_and_named_with_their_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TERM", "xterm-256color"), ("COLORTERM", "truecolor")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    line = "rare warmth but\x1b[2J dull"
    removals = (Removal("warmth", 5, 11, "bad", 0.6, True, 0.4), Removal("rare", 0, 4, "good", 0.7, False, 0.7))
    output = ClassificationWriter(1, as_json=False, is_terminal=True).output(
        line, *explained(line, 0.4, 1.25, 0.001, -0.5, removals=removals)
    )
    assert isinstance(output, bytes)
    text = output.decode()
    assert "\x1b[2J" not in text and "but\\x1b[2J" in text
    assert "  for good: warmth +1.25, rare +0.40\n  against good: dull -0.50\n  without warmth: bad 0.6000\n" in text
    monkeypatch.setenv("NO_COLOR", "1")
    plain = ClassificationWriter(1, as_json=False, is_terminal=True).output(line, *explained(line, 0.4, 1.25, 0.0, 0.0))
    assert b"38;" not in plain and b"48;" not in plain


def test_the_shares_of_pieces_of_words_are_added_up() -> None:
    line = "red sea"
    pieces = [TokenShare(character, i, i + 1, float(i), 0.0, 0.0, None) for i, character in enumerate(line)]
    assert word_shares(line, pieces) == [("red", 3.0), ("sea", 18.0)]
    assert word_shares("red", pieces[:3]) == [("r", 0.0), ("e", 1.0), ("d", 2.0)]
    words = [TokenShare("red", 0, 3, 1.0, 0.0, 0.0, None), TokenShare(",", 3, 4, 2.0, 0.0, 0.0, None)]
    assert word_shares("red, sea", words) == [("red", 1.0), (",", 2.0)]


def test_what_cannot_be_classified_is_said_in_one_line(classify, rnntui, runs: Path, tmp_path: Path) -> None:
    wrong = rnntui("classify", "--run", "shakespeare", "a")
    assert wrong.code == 2 and wrong.err.startswith("rnntui: run shakespeare is a language model, not a classifier; ")
    assert rnntui("classify", "--run", "none", "--checkpoints", runs, "a").err.startswith("rnntui: no run 'none' in ")
    newest = rnntui("classify", "--checkpoints", runs, "a")
    assert newest.code == 0 and newest.out
    Path("lines.txt").write_text("a\n")
    assert classify("a", "--file", "lines.txt").err == "rnntui: give texts or --file, not both\n"
    assert (
        "lines.txt is classified as a text; for the lines of that file: --file lines.txt" in classify("lines.txt").err
    )
    mixed = rnntui("classify", "--runs", "shakespeare,chat", "--top", "2", "a")
    assert (mixed.code, mixed.err) == (2, "rnntui: --top is for a classifier, not for --runs\n")
    compared = rnntui("classify", "--runs", "shakespeare,chat", "ROMEO: What light?")
    assert compared.code == 0 and compared.out.startswith("shakespeare\t")
    bad = classify(stdin=b"dull\n\xe4\ndull\n")
    assert bad.code == 1 and bad.out == classify("dull").out and "line 2 of standard input is not utf-8" in bad.err


def test_unusual_lines_are_classified_and_warned_of(classify, monkeypatch: pytest.MonkeyPatch) -> None:
    result = classify("a ☃")
    assert result.err == "rnntui: argument 1: '☃' not in the vocabulary, read as <unk>\n" and result.out
    monkeypatch.setattr("rnntui.inference.classifier.MAX_EXPLAINED_TOKENS", 5)
    long = classify("--explain", "dull film", "dull")
    assert long.err == "rnntui: argument 1: a text of 9 tokens is too long to explain; 5 are not\n"
    assert long.out.startswith(classify("dull film").out) and len(long.out.splitlines()[1].split("\t")) == 4


def test_each_line_is_answered_before_the_next_is_read(runs: Path) -> None:
    command = [sys.executable, "-m", "rnntui", "classify", "--run", str(runs / "words")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        for line in (b"dull\n", b"\n", b"rare\n"):
            process.stdin.write(line)
            process.stdin.flush()
            assert process.stdout.readline().endswith(b"\n")  # else it waits for ever
        process.stdin.close()
        assert process.wait() == 0
