"""`rnntui translate` on subtitle files, and on lines that are not for the model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pair_runs import LETTERS, copy_rows, make_pair_run, write_weights

SRT = (
    b"1\r\n00:00:01,000 --> 00:00:03,500\r\n<i>abc def</i>\r\n\r\n"
    b"2\r\n00:00:04,000 --> 00:00:06,000\r\n- gh\r\n- [abc]\r\n\r\n"
)
VTT = b"\xef\xbb\xbfWEBVTT\n\nNOTE abc\n\n00:01.000 --> 00:02.000 align:start\nabc\ndef\n"


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run `random`, which writes letters as chance has it."""
    folder = tmp_path_factory.mktemp("subtitles")
    write_weights(make_pair_run(folder, copy_rows(), "random"))
    return folder / "checkpoints"


@pytest.fixture
def translate(rnntui, run_folder: Path):
    def call(*arguments: str | Path, stdin: bytes = b""):
        return rnntui("translate", "--checkpoints", run_folder, *arguments, stdin=stdin)

    return call


def shape(text: str) -> str:
    """The text with nothing of what the model writes, and without brackets, which it does not know."""
    return text.replace("<i>", "<>").replace("</i>", "</>").translate(dict.fromkeys(map(ord, LETTERS + "[]")))


def test_a_subtitle_file_keeps_all_but_its_texts(translate, tmp_path: Path) -> None:
    Path("film.srt").write_bytes(SRT)
    result = translate("film.srt")
    assert result.code == 0 and result.out != SRT.decode()
    assert shape(result.out).replace(" ", "") == shape(SRT.decode()).replace(" ", "")
    assert "<i>" in result.out and "</i>\r\n" in result.out and "\r\n- " in result.out
    by_line = {line: translate(line).out.strip() for line in ("abc def", "gh")}
    assert f"<i>{by_line['abc def']}</i>" in result.out and f"- {by_line['gh']}" in result.out
    assert translate(stdin=SRT).out == translate("--format", "srt", stdin=SRT).out == result.out
    Path("film.txt").write_bytes(SRT)
    assert translate("--format", "srt", "film.txt").out == result.out


def test_web_subtitles_are_recognized_too(translate) -> None:
    Path("film.VTT").write_bytes(VTT)
    result = translate("film.VTT")
    [translation] = translate("abc def").out.splitlines()
    text = result.out.removeprefix(VTT.decode().split("abc\ndef")[0])
    assert text.replace("\n", " ").strip() == translation.strip() and translate(stdin=VTT).out == result.out


def test_subtitles_as_json_are_a_line_for_each_text(translate) -> None:
    Path("film.srt").write_bytes(SRT)
    lines = [json.loads(line) for line in translate("--json", "--n-best", "2", "film.srt").out.splitlines()]
    assert [line["source"] for line in lines] == ["abc def", "gh", "[abc]"]
    refused = translate("--n-best", "2", "film.srt")
    assert refused.code == 2 and "--n-best of subtitles needs --json" in refused.err


def test_a_line_like_subtitles_is_a_line(translate) -> None:
    result = translate(stdin=b"1\n00:00:01,000 -> abc\n")
    assert result.out.count("\n") == 2
    assert translate("--format", "text", stdin=SRT).out.count("\n") == SRT.count(b"\n")
    for format_flags in ((), ("--format", "text")):
        refused = translate(*format_flags, stdin="abc\n".encode("utf-16"))
        assert refused.code == 1 and refused.out == "" and "--encoding utf-16" in refused.err
    Path("abc.srt").write_bytes(SRT)
    assert translate("--format", "text", "abc.srt").out.count("\n") == 1


def test_what_is_wrong_with_a_file_is_said(translate) -> None:
    missing = translate("none.srt")
    assert missing.code == 2 and "none.srt: no such file; --format text" in missing.err
    Path("film.srt").write_bytes(SRT.replace(b"gh", b"g\xe9"))
    broken = translate("film.srt")
    assert broken.code == 1 and "film.srt is not utf-8 at byte" in broken.err and "--encoding" in broken.err
    assert broken.out == "" and translate("film.srt", "--encoding", "cp1252").code == 0
    assert translate("film.srt", "--errors", "replace").code == 0
    assert "one subtitle file at a time" in translate("film.srt", "abc").err
    for encoding, name in (("utf-16", "UTF-16"), ("utf-32", "UTF-32"), ("utf-16-le", "UTF-16")):
        Path("film.srt").write_bytes(SRT.decode().encode(encoding))
        wide = translate("film.srt")
        assert wide.code == 1 and f"film.srt is {name}" in wide.err and "--encoding utf-" in wide.err


def test_a_subtitle_file_without_subtitles_is_told(translate) -> None:
    for text in ("abc def", "", "WEBVTT\n"):
        Path("bad.srt").write_text(text)
        result = translate("bad.srt")
        assert (result.code, result.out) == (0, text)
        assert ("no subtitles found" in result.err) == bool(text)


def test_a_line_without_a_word_passes_unchanged(translate) -> None:
    lines = ["1000", " 12:30", "---", "", "abc"]
    result = translate(stdin="\n".join(lines).encode() + b"\n")
    assert result.out.split("\n")[:4] == lines[:4] and result.err == ""
    values = [json.loads(line) for line in translate("--json", stdin="\n".join(lines).encode()).out.splitlines()]
    assert [line.get("unchanged") for line in values] == [True, True, True, None, None]
    assert values[0]["translation"] == "1000" and values[0]["source_tokens"] == values[0]["hypotheses"][0]["tokens"]


def test_the_sentences_of_a_line_are_translated_one_by_one(translate) -> None:
    two = "abc! def!"
    [line] = [json.loads(line) for line in translate("--json", two).out.splitlines()]
    parts = [translate(sentence).out.strip() for sentence in ("abc!", "def!")]
    assert line["translation"] == " ".join(parts)
    assert [each["source"] for each in line["sentences"]] == ["abc!", "def!"]
    for each, part in zip(line["sentences"], parts, strict=True):
        assert each["translation"] == line["translation"][slice(*each["target_span"])] == part
        assert two[slice(*each["source_span"])] == each["source"]
    best = line["hypotheses"][0]
    assert len(best["attention"]) == len(best["tokens"])
    assert {len(row) for row in best["attention"]} == {len(line["source_tokens"])}
    [whole] = [json.loads(line) for line in translate("--json", "--split-sentences", "no", two).out.splitlines()]
    assert "sentences" not in whole and whole["source_tokens"].count("</s>") == 1


def test_the_first_line_is_answered_before_there_is_a_second(run_folder: Path) -> None:
    command = [sys.executable, "-m", "rnntui", "translate", "--checkpoints", str(run_folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        for line in (b"1\n", b"abc\n"):
            process.stdin.write(line)
            process.stdin.flush()
            assert process.stdout.readline().endswith(b"\n")  # else it waits for ever
        process.stdin.close()
        assert process.wait() == 0
