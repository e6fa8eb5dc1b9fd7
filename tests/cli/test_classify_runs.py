"""`rnntui classify --runs`: lines to the language model that explains each best, and its margin."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from tiny_runs import CHARACTERS, make_run, subwords

from rnntui.cli.classify_runs import RunsOutput, classify_by_runs, compared_runs
from rnntui.cli.line_input import Lines, TextReading, argument_lines, line_batches, read_lines
from rnntui.cli.line_output import LineOutput
from rnntui.errors import RnntuiError
from rnntui.text.char_tokenizer import CharTokenizer

TEXTS = ["the old man", "", "and the sea", "\t ", "old old old", "The sea!"]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Language models `one`, `two` and `other/one` of characters, and `pieces` of subwords."""
    folder = tmp_path_factory.mktemp("checkpoints")
    make_run(folder, "one", seed=1)
    make_run(folder, "two", seed=2, tokenizer=CharTokenizer([*CHARACTERS, "é"]))
    make_run(folder, "pieces", seed=3, tokenizer=subwords())
    make_run(folder / "other", "one", seed=4)
    return folder


@pytest.fixture
def classify(checkpoints: Path, capfdbinary: pytest.CaptureFixture[bytes]):
    def call(
        runs: str, lines: list[str] | Lines, as_json: bool = False, explain: bool = False
    ) -> tuple[list[str], str]:
        source = lines if isinstance(lines, Lines) else argument_lines(lines)
        folders = compared_runs([runs], str(checkpoints))
        classify_by_runs(folders, source, LineOutput(), RunsOutput(as_json, explain))
        out, err = capfdbinary.readouterr()
        return out.decode().split("\n")[:-1], err.decode()

    return call


def test_each_line_gets_a_run_and_a_margin_and_blank_stays_blank(classify) -> None:
    lines, err = classify("one,two,pieces", TEXTS)
    assert len(lines) == len(TEXTS) and err == ""
    assert [line == "" for line in lines] == [not text.strip() for text in TEXTS]
    columns = [line.split("\t") for line in lines if line]
    assert all(name in ("one", "two", "pieces") and float(margin) >= 0 for name, margin in columns)
    assert {line.split("\t")[0] for line in classify("one,two", [*"abcdefgh"])[0]} == {"one", "two"}
    assert classify("pieces,one,two", TEXTS)[0] == lines
    assert [classify("one,two,pieces", [text])[0][0] for text in TEXTS] == lines


def test_json_has_the_bits_under_every_run(classify) -> None:
    lines = [json.loads(line) for line in classify("one,two,pieces", TEXTS, as_json=True)[0]]
    plain = classify("one,two,pieces", TEXTS)[0]
    assert [line["text"] for line in lines] == TEXTS
    assert lines[1] == {"text": "", "run": None, "margin": None, "bits": {}, "bits_per_character": {}}
    for line, columns in zip(lines, plain, strict=True):
        if line["run"] is not None:
            best, second, _ = line["bits"].values()
            assert next(iter(line["bits"])) == line["run"] and line["bits"].keys() == line["bits_per_character"].keys()
            assert line["margin"] == pytest.approx(second - best, abs=1e-4)
            assert columns == f"{line['run']}\t{line['margin']:.2f}"
            assert line["bits_per_character"][line["run"]] == pytest.approx(best / len(line["text"]), abs=1e-4)


def test_explained_lines_name_the_words_that_decide(classify) -> None:
    [plain], _ = classify("one,two", ["the old man and the sea was on"], explain=True)
    name, margin, words = plain.split("\t")
    assert len(words.split(", ")) == 5
    [line], _ = classify("one,two", ["the old man and the sea was on"], as_json=True, explain=True)
    explained = json.loads(line)
    advantages = [word["advantage"] for word in explained["words"]]
    assert (explained["run"], f"{sum(advantages):.1f}") == (name, f"{float(margin):.1f}")
    assert words.startswith(f"{max(explained['words'], key=lambda word: abs(word['advantage']))['text']} ")
    assert set(explained["words"][0]) == {"text", "start", "end", "bits", "advantage"}
    assert json.loads(classify("one,two", [" "], as_json=True, explain=True)[0][0])["words"] == []


def test_unknown_characters_are_named_once_for_each_run(classify) -> None:
    _, err = classify("one,two,pieces", ["é", "Ωé", "Ω"])
    assert err.splitlines() == [
        f"rnntui: argument {number}, {run}: '{character}' not in the vocabulary, read as <unk>"
        for number, run, character in ((1, "one", "é"), (2, "one", "Ω"), (2, "two", "Ω"))
    ]


def test_runs_of_the_same_name_are_called_by_their_paths(classify, checkpoints: Path) -> None:
    other = str(checkpoints / "other" / "one")
    [line], _ = classify(f"one,{other},two", ["the sea"], as_json=True)
    assert set(json.loads(line)["bits"]) == {"one", other, "two"}


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ("one", "--runs has one run only, one; name two or more, as in --runs shakespeare,austen"),
        ("one,two,one", "--runs has the same run twice: one"),
        ("one,{folder}/one", "--runs has the same run twice: one and {folder}/one"),
        ("one,", "--runs has an empty name; as in --runs shakespeare,austen"),
        ("one,none", "no run 'none' in {folder}; there are"),
        ("one,en-es", "run en-es is a Seq2Seq model, not a language model; translate with it: "),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(classify, checkpoints: Path, runs: str, message: str) -> None:
    with pytest.raises(RnntuiError) as error:
        classify(runs.format(folder=checkpoints), ["the sea"])
    assert str(error.value).startswith(message.format(folder=checkpoints))


def test_options_of_classifiers_are_refused(rnntui, checkpoints: Path) -> None:
    compare = ["classify", "--checkpoints", checkpoints, "--runs", "one", "--runs", "two"]
    assert rnntui(*compare, stdin=b"the sea\n\nold").out == rnntui(*compare, "the sea", "", "old").out
    for flags in (["--run", "one"], ["--top", "2"]):
        result = rnntui(*compare, *flags, "the sea")
        assert (result.code, result.err) == (2, f"rnntui: {flags[0]} is for a classifier, not for --runs\n")


@pytest.mark.parametrize("flags", [[], ["--json", "--explain"]])
def test_processes_write_what_one_writes_and_a_job_that_was_cut_off_goes_on(
    rnntui, checkpoints: Path, flags: list[str]
) -> None:
    lines = "".join(f"{text} {'old ' * (number % 5)}\n" for number, text in enumerate([*TEXTS[:3], "éΩ sea"] * 9))
    Path("lines.txt").write_text(f"{lines}Ω\n")
    command = ["classify", "--checkpoints", checkpoints, "--runs", "one,two", "--file", "lines.txt", *flags]
    one, two = (rnntui(*command, "--jobs", jobs) for jobs in ("1", "2"))
    assert one.code == 0 and (one.out, one.err) == (two.out, two.err)
    assert one.err.splitlines() == [
        f"rnntui: line 4, {name}: {characters} not in the vocabulary, read as <unk>"
        for name, characters in (("one", "'é', 'Ω'"), ("two", "'Ω'"))
    ]
    cut = one.out.encode().index(b"\n", len(one.out) // 2) + 2
    Path("out.txt").write_bytes(one.out.encode()[:cut])
    resumed = rnntui(*command, "--output", "out.txt", "--resume")
    assert resumed.code == 0 and Path("out.txt").read_bytes() == one.out.encode()


class Pieces(io.RawIOBase):
    """A pipe whose writer sends one piece at a time; `asked` counts how often it was read from."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces, self.asked = pieces, 0

    def readable(self) -> bool:
        return True

    def read1(self, size: int) -> bytes:
        self.asked += 1
        return self._pieces.pop(0) if self._pieces else b""


def test_lines_that_arrive_together_are_one_batch_and_no_line_waits_for_the_next_ones(monkeypatch) -> None:
    many = "".join(f"{number}\n" for number in range(600)).encode()
    pipe = Pieces([b"a\nb\nc", b"d\n", b"e", b"f\n" + many, b"last"])
    monkeypatch.setattr("rnntui.cli.line_input.standard_input", lambda: pipe)
    batches = line_batches(read_lines((), (), TextReading("utf-8", "strict", "universal")))
    assert [line.text for line in next(batches)] == ["a", "b"] and pipe.asked == 1
    assert next(batches) == [("line 3", "cd")] and pipe.asked == 2
    rest = list(batches)
    assert [len(batch) for batch in rest] == [64, 128, 256, 153, 1]
    assert rest[0][0] == ("line 4", "ef") and rest[-1] == [("line 605", "last")]
