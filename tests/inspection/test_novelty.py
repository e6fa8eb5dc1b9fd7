"""Novelty: figures against a count by hand, and the index of a run from its ids, its files, or neither."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from novelty_runs import build, random_text, trained_on, trained_on_from
from tiny_runs import subwords

from rnntui.errors import CancelledError, CorpusError, RunError
from rnntui.inspection import novelty_index
from rnntui.inspection import novelty_report as novelty_report_module
from rnntui.inspection.earlier_texts import unseen_copies
from rnntui.inspection.inspection import InspectionRequest, never_cancelled
from rnntui.inspection.novelty import MAX_NGRAM, CopyFigures, text_novelty
from rnntui.inspection.novelty_index import (
    NoveltyIndex,
    delete_novelty_index,
    open_novelty_index,
)
from rnntui.inspection.novelty_report import NoveltyReport, inspect_novelty, novelty_report
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import save_arrays
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.word_tokenizer import WordTokenizer


def all_words(has_end: bool) -> WordTokenizer:
    """A tokenizer of all words, so that no text is lost."""
    return WordTokenizer.train([random_text(1, 1000)] * 2, 100, has_end=has_end)


def texts_of(index: NoveltyIndex) -> list[str]:
    """The documents of an index, sorted: those of a run's ids are in random order."""
    return sorted(filter(None, text_of(index).split("\N{REPLACEMENT CHARACTER}")))


def text_of(index: NoveltyIndex) -> str:
    """The whole text; without spaces at the ends of lines, which a model of words does not have."""
    return re.sub(" +(?=[\n\N{REPLACEMENT CHARACTER}])", "", index.text.characters(0, index.text.size))


def test_figures_are_those_of_a_count_by_hand(tmp_path: Path) -> None:
    source, other = random_text(1, 400), random_text(2, 30) + "zzz" + random_text(3, 30)
    index = build(trained_on(tmp_path, source))
    training = source[: int(len(source) * 0.9)]
    text = other[5:205] + training[40:90]
    [novelty] = novelty_report(index, [text]).texts
    for n in range(1, MAX_NGRAM + 1):
        ngrams = [text[i : i + n] for i in range(len(text) - n + 1)]
        assert (novelty.seen[n - 1], novelty.totals[n - 1]) == (sum(each in training for each in ngrams), len(ngrams))
    assert not any(text[i : i + novelty.longest + 1] in training for i in range(len(text) - novelty.longest))
    assert novelty.copy in training and novelty.longest >= 50


def test_runs_whose_texts_are_missing_are_named() -> None:
    told = unseen_copies(["a", "b", "any run before b"])
    assert told == "copies from the training text of a, b, any run before b are not seen, as that text is not at hand"


def test_figures_of_several_texts_and_of_none() -> None:
    texts = [text_novelty("abcdef", np.array([3, 2, 1, 9, 2, 1])), text_novelty("ab", np.array([0, 0]))]
    assert [(each.longest, each.copy) for each in texts] == [(3, "abc"), (0, "")]  # 9 would go beyond the end
    figures = CopyFigures.of(texts)
    assert figures.share(1) == 6 / 8 and figures.share(2) == 4 / 6 and figures.share(6) == 0
    assert figures.share(7) is None and figures.quantile(0.5) == 1.5
    assert CopyFigures.of([]).quantile(0.5) is None and CopyFigures.of([]).to_json()["seen"]["4"] is None


@pytest.mark.parametrize(("unit", "origin"), [("none", "end"), ("none", "spread"), ("line", "spread")])
@pytest.mark.parametrize("tokenizer", [None, subwords, all_words], ids=["characters", "subwords", "words"])
def test_the_ids_of_a_run_and_its_files_give_the_same_index(tmp_path: Path, tokenizer, unit, origin) -> None:
    run = trained_on(tmp_path, random_text(1, 1000), tokenizer and tokenizer(unit != "none"), unit, origin)
    by_ids = build(run)
    expected, held_out = texts_of(by_ids), {piece.text for piece in by_ids.held_out}
    assert held_out and by_ids.is_documents is (unit == "line")
    for piece in by_ids.held_out:
        assert piece.lengths.tolist() == by_ids.text.match_lengths(piece.text).tolist()
    shutil.rmtree(run.resume_folder)
    by_files = build(run)
    if origin == "end" or unit == "line":
        assert texts_of(by_files) == expected
    else:  # the ids do not tell where a gap was
        assert [re.sub("\N{REPLACEMENT CHARACTER}", "", text_of(by_files)).replace(" ", "")] == [
            each.replace(" ", "") for each in expected
        ]


def test_the_source_of_a_copy_is_named_by_file_and_line(tmp_path: Path) -> None:
    text = random_text(1, 2000)
    text = f"{text[:4000]}a most singular stretch{', quite alone' * 3},\nof text{text[4000:]}"
    run = trained_on(tmp_path, text)
    index = build(run)
    report = novelty_report(index, [f"?? {random_text(5, 3)}singular{text.partition('singular')[2][:60]}!?", "xyz"])
    source = report.source
    assert source is not None and source.file == str(tmp_path / "text.txt")
    assert source.line == text[: text.index("singular stretch")].count("\n") + 1
    assert "a most singular stretch" in source.text and "alone,↵of text" in report.quotation()
    assert f"text.txt:{source.line:,}" in report.quotation()
    (tmp_path / "text.txt").unlink()
    assert index.source_of("singular") is None and build(run).text.contains("singular")  # the run has its own text


@pytest.mark.parametrize("overlap", [1 << 14, 40])
def test_a_copy_that_spans_files_is_named_by_all_of_its_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overlap: int
) -> None:
    monkeypatch.setattr("rnntui.inspection.novelty_index._OVERLAP", overlap)
    parts = [
        random_text(1, 900) + "\nit ends with a singular line\n", "another begins here", "in three files\n",
        random_text(2, 900) + "last",
    ]  # fmt: skip
    index = build(trained_on(tmp_path, "".join(parts).replace("here", "here\n")))
    files = [tmp_path / f"{number}.txt" for number in range(4)]
    for path, part in zip(files, parts, strict=True):
        path.write_text(part)
    config = index.run.read_config()
    index.run.write_config(replace(config, corpus=replace(config.corpus, sources=tuple(map(str, files)))))

    last_line = parts[0].count("\n")
    source = index.source_of("singular line\nanother")
    assert source is not None and source.place == f"{files[0]}:{last_line} to {files[1]}"
    assert source.text == "it ends with a singular line"
    source = index.source_of("line\nanother begins here\nin three files")  # which lacks a line break at its end
    assert source is not None and source.place == f"{files[0]}:{last_line} to {files[2]}"
    source = index.source_of("begins here\nin three")
    assert source is not None and source.place == f"{files[1]}:1 to {files[2]}"
    source = index.source_of("in three files")
    assert source is not None and (source.place, source.end_file) == (f"{files[2]}:1", "")
    source = index.source_of(parts[3][-30:])
    assert source is not None and source.place == f"{files[3]}:{parts[3][:-30].count(chr(10)) + 1}"
    assert index.source_of("in no file") is None


def test_text_that_is_gone_or_has_changed_is_one_line(tmp_path: Path) -> None:
    run = trained_on(tmp_path, random_text(1, 2000))
    shutil.rmtree(run.resume_folder)
    moved = (tmp_path / "text.txt").rename(tmp_path / "moved.txt")
    with pytest.raises(CorpusError, match=r"the training text of run run is not to be found: .*text\.txt.*; name that"):
        build(run)
    assert build(run, str(moved)).text.size > 1000 and open_novelty_index(run) is not None
    (tmp_path / "text.txt").write_text(random_text(2, 2000))
    with pytest.raises(CorpusError, match=r"text\.txt is not the text that run run was trained on, or changed"):
        build(run)
    assert open_novelty_index(run) is not None  # the earlier one stays
    info = replace(run.read_config().corpus, fingerprint="another text")
    run.write_config(replace(run.read_config(), corpus=info))
    assert open_novelty_index(run) is None
    assert delete_novelty_index(run) and not delete_novelty_index(run) and not list(run.path.glob("*novelty*"))


def test_files_that_do_not_belong_to_an_index_are_never_deleted(tmp_path: Path) -> None:
    run = trained_on(tmp_path, random_text(1, 2000))
    build(run)
    whole = sorted(path.name for path in run.novelty_folder.iterdir())
    notes = run.novelty_folder / "notes.md"
    notes.write_text("mine")
    foreign = r"\S+novelty holds files that do not belong to an index: notes\.md; move them away$"
    with pytest.raises(RunError, match=f"^{foreign}"):
        build(run)
    assert open_novelty_index(run) is not None
    with pytest.raises(RunError, match=f"^the index is deleted, but {foreign}"):
        delete_novelty_index(run)
    assert [path.name for path in run.novelty_folder.iterdir()] == ["notes.md"] and notes.read_text() == "mine"
    notes.unlink()
    left = run.path / ".novelty-4000000-killed"
    left.mkdir()
    (left / "text.symbols").touch()
    build(run)
    assert sorted(path.name for path in run.novelty_folder.iterdir()) == whole and not left.exists()


@pytest.mark.parametrize("tokenizer", [None, all_words(False)], ids=["characters", "words"])
def test_ids_of_another_vocabulary_are_an_error_of_the_run(tmp_path: Path, tokenizer) -> None:
    run = trained_on(tmp_path, random_text(1, 300), tokenizer)
    ids = np.fromfile(run.training_ids, dtype=np.uint8)
    ids[100] = 255
    ids.tofile(run.training_ids)
    with pytest.raises(RunError, match="not those of the run's vocabulary"):
        build(run)
    assert open_novelty_index(run) is None


def test_a_run_that_cannot_be_written_has_its_index_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained_on(tmp_path, random_text(1, 2000))
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    make = novelty_index.tempfile.mkdtemp

    def refuse(prefix: str, dir: Path) -> str:
        if dir == run.path:
            raise PermissionError(13, "Permission denied")
        return make(prefix=prefix, dir=dir)

    monkeypatch.setattr(novelty_index.tempfile, "mkdtemp", refuse)
    assert build(run).folder.is_relative_to(tmp_path / "cache") and open_novelty_index(run) is not None
    monkeypatch.setattr(novelty_index, "_folders", lambda run: iter([run.novelty_folder]))
    with pytest.raises(RunError, match=r"cannot write to .*run: Permission denied"):
        build(run)


def test_whole_documents_are_counted(tmp_path: Path) -> None:
    names = [f"{a}{b}{c}" for a in "abcdef" for b in "aeiou" for c in "nmrst"]
    index = build(trained_on(tmp_path, "\n".join(names), unit="line"))
    report = novelty_report(index, [*texts_of(index)[:4], "zzz", "a"])
    assert report.generated_figures.whole == 4 and report.held_out_figures.whole == 0
    assert ("whole texts seen", "67%", "0%") in report.table()


def report_of(longest: int, held_out: tuple[int, ...], missing: tuple[str, ...] = ()) -> NoveltyReport:
    """A report on one text of 60 characters, by the lengths of its longest copy and of those of held-out texts."""
    text, *others = (text_novelty("a" * 60, np.full(60, length)) for length in (longest, *held_out))
    return NoveltyReport("run", 9, (text,), tuple(others), None, False, missing)


@pytest.mark.parametrize(
    ("length", "amount"), [(48, "less than"), (49, "as much as"), (50, "as much as"), (51, "more than")]
)
def test_copies_are_judged_by_the_figures_that_are_shown(length: int, amount: str) -> None:
    report = report_of(length, (49, 50, 50, 50) * 3)  # the first decile: 49.1
    assert f"run copies {amount} people" in report.judgement() and "49 to 50" in report.judgement()


def test_too_few_held_out_texts_give_no_range_and_no_verdict() -> None:
    one = report_of(20, (13,))
    assert one.judgement() == (
        "run: the longest copy of the text is 20 characters; with only 1 held-out text of the same length, there is "
        "nothing to compare it with"
    )
    assert one.table()[0] == ("longest copy", "20", "13")
    nine = report_of(20, tuple(range(9)))
    assert "only 9 held-out texts" in nine.judgement() and nine.table()[0] == ("longest copy", "20", "4")
    assert "more than people" in report_of(20, tuple(range(10))).judgement()


@pytest.mark.parametrize(("length", "has_verdict"), [(20, False), (45, False), (55, True)])
def test_no_verdict_of_little_copied_where_a_text_was_not_searched(length: int, has_verdict: bool) -> None:
    report = report_of(length, (40, 50) * 6, ("base",))
    assert ("people" in report.judgement()) is has_verdict and "40 to 50" in report.judgement()
    line = "opies from the training text of base are not seen, as that text is not at hand"
    assert report.summary()[-1] == f"C{line}." and report.unseen_copies() == f"c{line}"
    assert report.to_json()["missing_texts"] == report.text_json()["missing_texts"] == ["base"]


OF_BASE, OF_FIRST = "a most singular stretch that base has", "quite another one that first has"


def chain(folder: Path, keeps_ids: bool = False) -> tuple[RunFolder, RunFolder, RunFolder]:
    """Runs `first`, `base` and `run`, each trained on from the one before; `keeps_ids` for what `run` has of `base`."""
    texts = [random_text(seed, 400) for seed in range(3)]
    tokenizer = CharTokenizer(sorted(set("".join(texts) + OF_BASE + OF_FIRST)))
    first = trained_on(folder, OF_FIRST + texts[0], tokenizer, name="first")
    base = trained_on(folder, OF_BASE + texts[1], tokenizer, name="base")
    run = trained_on(folder, texts[2], tokenizer)
    trained_on_from(base, first)
    trained_on_from(run, base, keeps_ids)
    return first, base, run


def longest_copies(index: NoveltyIndex) -> tuple[int, int]:
    """How much is found of what only `base` and only `first` has."""
    lengths = [each.longest for each in novelty_report(index, [OF_BASE, OF_FIRST]).texts]
    return lengths[0], lengths[1]


WHOLE = (len(OF_BASE), len(OF_FIRST))


def test_copies_from_the_texts_of_all_runs_that_a_run_was_trained_on_from_are_seen(tmp_path: Path) -> None:
    first, base, run = chain(tmp_path)
    index = build(run)
    assert longest_copies(index) == WHOLE and index.missing == () and not index.unseen_copies
    source = index.source_of(OF_FIRST)
    assert source is not None and source.place == f"{tmp_path / 'first.txt'}:1"
    shutil.rmtree(base.resume_folder)  # as a shipped model, which has no ids: its files have the text
    assert longest_copies(build(run)) == WHOLE
    assert longest_copies(build(base)) == WHOLE and longest_copies(build(first))[0] < 10


def test_texts_of_earlier_runs_that_are_not_at_hand_are_named(tmp_path: Path) -> None:
    first, base, run = chain(tmp_path)
    shutil.rmtree(first.path)
    index = build(run)
    assert index.missing == ("first",) and longest_copies(index)[0] == WHOLE[0] and longest_copies(index)[1] < 10
    (tmp_path / "base.txt").write_text("changed")
    shutil.rmtree(base.resume_folder)
    assert build(run).missing == ("base", "first")
    save_arrays(base.weights_file, {"other": np.zeros(1, np.float32)}, {})  # another run by that name
    assert build(run).missing == ("base",)
    opened = open_novelty_index(run)
    assert opened is not None and opened.missing == ("base",)


def test_the_copy_of_the_ids_of_an_origin_that_is_gone_is_searched(tmp_path: Path) -> None:
    _, base, run = chain(tmp_path, keeps_ids=True)
    shutil.rmtree(base.path)
    index = build(run)
    assert longest_copies(index)[0] == WHOLE[0] and index.missing == ("any run before base",)
    run.origin_training_ids.write_bytes(b"damaged")
    assert build(run).missing == ("base", "any run before base")


def test_an_index_without_the_texts_of_earlier_runs_is_built_anew(tmp_path: Path) -> None:
    run = chain(tmp_path)[2]
    build(run)
    file = run.novelty_folder / "index.json"
    values = json.loads(file.read_text())
    info = values["info"]
    file.write_text(json.dumps(values | {"info": {name: info[name] for name in ("fingerprint", "documents")}}))
    assert open_novelty_index(run) is None
    run.write_config(replace(run.read_config(), origin=None))
    assert open_novelty_index(run) is not None  # of a run of its own, it is what it was
    for broken in (7, [7], "base"):
        file.write_text(json.dumps(values | {"info": info | {"origin": "", "missing": broken}}))
        assert open_novelty_index(run) is None


def test_held_out_text_that_an_earlier_run_was_trained_on_is_no_measure(tmp_path: Path) -> None:
    text = random_text(1, 2000)
    tokenizer = CharTokenizer(sorted(set(text)))
    run, base = trained_on(tmp_path, text, tokenizer), trained_on(tmp_path, text * 2, tokenizer, name="base")
    generated = random_text(2, 40)[:150]
    apart = novelty_report(build(run), [generated])
    assert apart.held_out
    trained_on_from(run, base)
    assert not novelty_report(build(run), [generated]).held_out


def test_the_view_measures_a_text_or_what_the_model_generates_and_can_be_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(novelty_report_module, "DEFAULT_TEXTS", 2)
    monkeypatch.setattr(novelty_report_module, "DEFAULT_LENGTH", 30)
    run = trained_on(tmp_path, random_text(1, 10_000))
    with pytest.raises(CancelledError):
        inspect_novelty(InspectionRequest((run,)), lambda: True)
    assert not list(run.path.glob("*novelty*"))
    report = inspect_novelty(InspectionRequest((run,), random_text(1, 10_000)[100:400]), never_cancelled)
    assert report.generated_figures.quantile(0.5) == 300 and "copies more than people" in report.summary()[0]
    assert all(sum(len(piece) for piece, _ in row) <= 60 for row in report.rows(60)) and report.svg().startswith("<svg")
    fractions: list[float] = []
    assert len(inspect_novelty(InspectionRequest((run,), "", fractions.append), never_cancelled).texts) == 2
    assert fractions == sorted(fractions) and 0 <= fractions[0] < fractions[-1] <= 1
