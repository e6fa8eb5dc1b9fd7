"""Labelled texts as people have them: tables with the label in any column, JSON lines, files and folders of labels."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rnntui.errors import CorpusError, RnntuiError, UsageError
from rnntui.kinds.labelled_corpus_info import LabelledColumns, LabelledCorpusInfo, LabelledLayout
from rnntui.text.corpus import find_corpus
from rnntui.text.label_checks import check_labels
from rnntui.text.labelled import read_labelled
from rnntui.text.labelled_corpus import LabelledCorpus, count_labels, normalize_text, text_offsets

REVIEWS = [("a film of rare warmth", "pos"), ("dull, and far too long", "neg"), ("I laughed, twice", "pos"),
           ("no plot at all", "neg"), ("see it", "pos"), ("lifeless acting, poor script", "neg")]  # fmt: skip

Read = Callable[..., LabelledCorpus]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Reads a file of this text and name, or those that exist already."""
    monkeypatch.chdir(tmp_path)

    def call(
        text: str | None = None, name: str = "t.tsv", label: str = "", column: str = "", **options
    ) -> LabelledCorpus:
        if text is not None:
            Path(name).write_bytes(text.encode())
        return read_labelled(find_corpus([name]), LabelledColumns(label, column), **options)

    return call


def texts_of(corpus: LabelledCorpus) -> list[tuple[str, str]]:
    return [(row.text, row.label) for row in corpus.rows]


def rows_of(*orders: int, header: str = "", separator: str = "\t", end: str = "\n") -> str:
    """The reviews as a table; `orders` are 0 for the text, 1 for the label, 2 for an id, 3 for a date."""
    lines = [header] if header else []
    for number, (text, label) in enumerate(REVIEWS, 1):
        cells = (text, label, f"x{number}", f"2024-01-{number:02}")
        quoted = [f'"{cells[order]}"' if separator in cells[order] else cells[order] for order in orders]
        lines.append(separator.join(quoted))
    return end.join(lines) + end


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        (rows_of(0, 1), ((1, 2), "\t", False)),
        (rows_of(1, 0), ((2, 1), "\t", False)),
        (rows_of(0, 1, header="text\tlabel"), ((1, 2), "\t", True)),
        (rows_of(0, 1, header="review,sentiment", separator=",", end="\r\n"), ((1, 2), ",", True)),
        (rows_of(1, 0, header="Category,Message", separator=","), ((2, 1), ",", True)),
        (rows_of(2, 0, 1, header="id;Text;Label", separator=";"), ((2, 3), ";", True)),
        (rows_of(2, 3, 1, 0, header="tweet_id,date,airline_sentiment,text", separator=","), ((4, 3), ",", True)),
        (rows_of(2, 3, 1, 0), ((4, 3), "\t", False)),
        (rows_of(2, 0, 3, 1), ((2, 4), "\t", False)),
    ],
)
def test_the_column_of_the_label_is_detected_and_told(read: Read, text: str, layout: tuple) -> None:
    corpus = read(text, "t.csv" if "," in text.splitlines()[0] else "t.tsv")
    assert texts_of(corpus) == REVIEWS
    [detected] = corpus.layouts
    assert (detected.columns, detected.delimiter, detected.header) == layout
    note = corpus.notes[0]
    assert f"text in column {layout[0][0]}, label in column {layout[0][1]}" in note
    assert "2 labels ('neg' 3, 'pos' 3)" in note and "'a film of rare warmth' → 'pos'" in note and "\n" not in note
    again = read(layouts=corpus.layouts, name=corpus.display_names[0])
    assert again.rows == corpus.rows and again.fingerprint() == corpus.fingerprint()


def test_numbers_stay_labels_as_they_are_written(read: Read) -> None:
    corpus = read("good\t1\nbad\t0\nfine\t1.0\nso so\t01\n")
    assert [row.label for row in corpus.rows] == ["1", "0", "1.0", "01"]


def test_a_table_of_one_row_is_text_and_label(read: Read) -> None:
    assert texts_of(read("Anna\tF\n")) == [("Anna", "F")]


def test_names_of_columns_are_no_row_even_where_texts_are_single_words(read: Read) -> None:
    assert read("name\tsex\nAnna\tF\nTom\tM\nEva\tF\nIda\tF\n").rows[0][:2] == ("Anna", "F")


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        # A first text that ends in a name of columns, and names in another language.
        ("a poor review\tneg\na fine film\tpos\nbad\tneg\nok\tpos\n", "t.tsv", ("a poor review", "neg")),
        ("Satz;Stimmung\nein Film;gut\nzu lang;schlecht\nkurz;gut\ngut;schlecht\n", "t.csv", ("ein Film", "gut")),
        # Dates, constants and addresses are no labels, and addresses no texts.
        (
            "".join(f"{i % 2},{i},Mon Apr 06 22:19:{i % 3}0 2009,none,text {i}\n" for i in range(12)),
            "t.csv",
            ("text 0", "0"),
        ),
        (
            "".join(f"https://a.example/an-address/{i}\ta text {i}\t{i % 2}\n" for i in range(12)),
            "t.tsv",
            ("a text 0", "0"),
        ),
        # Texts with the delimiter of Moses' files; empty columns at the end of rows.
        ("type,posts\n" + "".join(f"{'ab'[i % 2]},a|||b {i}\n" for i in range(12)), "t.csv", ("a|||b 0", "a")),
        ("".join(f"{'ab'[i % 2]},text {i},,\n" for i in range(12)), "t.csv", ("text 0", "a")),
    ],
)
def test_texts_and_labels_of_tables_as_they_are_published(read: Read, text: str, name: str, expected: tuple) -> None:
    corpus = read(text, name)
    assert texts_of(corpus)[0] == expected
    assert len(corpus.rows) == text.count("\n") - corpus.layouts[0].header and not corpus.dropped.count


def test_quoted_texts_may_have_many_lines(read: Read) -> None:
    email = "\n".join(f"line {i}" for i in range(300))
    corpus = read(
        "Message,Spam/Ham\n" + "".join(f'"{email} {i}",{"ham" if i % 3 else "spam"}\n' for i in range(9)), "t.csv"
    )
    assert count_labels(corpus.rows) == {"ham": 6, "spam": 3} and corpus.rows[8].row == 2 + 8 * 300


@pytest.mark.parametrize(
    ("label", "column", "says"),
    [
        ("3", "", ("see it", "x5")),
        ("stars", "", ("see it", "x5")),
        ("2", "1", ("see it", "pos")),
        ("", "3", ("x5", "pos")),
        ("SENTIMENT", "stars", ("x5", "pos")),
    ],
)
def test_columns_are_named_by_number_or_header(read: Read, label: str, column: str, says: tuple[str, str]) -> None:
    corpus = read(rows_of(0, 1, 2, header="text\tsentiment\tstars"), label=label, column=column)
    assert texts_of(corpus)[4] == says and len(corpus.rows) == 6


@pytest.mark.parametrize(
    ("label", "column", "says"),
    [
        ("mood", "", "--label-column: the first row of t.tsv has no 'mood'"),
        ("4", "", "--label-column 4: t.tsv has 2 columns"),
        ("", "9", "--text-column 9"),
        ("1", "1", "both name column 1"),
    ],
)
def test_a_column_that_the_table_lacks_is_one_line_with_the_flag(
    read: Read, label: str, column: str, says: str
) -> None:
    with pytest.raises(UsageError, match=says) as error:
        read(rows_of(0, 1), label=label, column=column)
    assert error.value.setting in ("label_column", "text_column") and "\n" not in str(error.value)


def test_several_columns_that_may_be_the_label_are_a_question(read: Read) -> None:
    table = "id,comment_text,toxic,threat\n" + "".join(f"{i},words here {i},{i % 2},{i // 3 % 2}\n" for i in range(12))
    with pytest.raises(UsageError, match=r"3 \('toxic'\), 4 \('threat'\)") as error:
        read(table, "t.csv")
    assert error.value.hint == "name the one to learn, as in --label-column 3"
    assert texts_of(read(table, "t.csv", label="threat"))[0] == ("words here 0", "0")


def test_quoted_cells_hold_line_breaks_and_quotes(read: Read) -> None:
    corpus = read('text,label\n"first line\nsecond, ""line""",pos\nplain,neg\n"a\n\nb",pos\n', "t.csv")
    assert texts_of(corpus) == [('first line second, "line"', "pos"), ("plain", "neg"), ("a b", "pos")]
    assert [row.row for row in corpus.rows] == [2, 4, 5]


def test_rows_without_text_or_label_are_left_out_with_their_number(read: Read) -> None:
    corpus = read("fine\tpos\n\tpos\nbad\t \nno tab\n\n\u200b\tneg\nlast\tneg\n")
    assert texts_of(corpus) == [("fine", "pos"), ("last", "neg")] and corpus.dropped.count == 4
    assert corpus.dropped.message == "left out 4 rows, the first row 2 of t.tsv, whose text is empty: 'pos'"


def test_texts_and_labels_are_stripped_and_on_one_line(read: Read) -> None:
    corpus = read("  a  b\u00a0\tNew  York \ncafe\u0301\tМосква\n" + "word " * 2500 + "\tNew York\n")
    assert count_labels(corpus.rows) == {"New York": 2, "Москва": 1}
    assert corpus.rows[1].text == "café" and len(corpus.rows[2].text) == 12_499


@pytest.mark.parametrize(
    ("text", "offsets"),
    [("a b", [0, 1, 2, 3]), ("  a \t b ", [2, 3, 6, 7]), ("e\u0301\u00a0\r\nx\u200by", [0, 2, 5, 7, 8]), (" ", [0])],
)
def test_offsets_lead_back_to_the_text_as_given(text: str, offsets: list[int]) -> None:
    assert text_offsets(text) == offsets and len(normalize_text(text)) + 1 == len(offsets)


@pytest.mark.parametrize(
    ("lines", "keys", "expected"),
    [
        ('{"text": "bad\\nfilm", "label": 0}\n', ("text", "label"), [("bad film", "0")]),
        ('{"text": "good", "label": 1, "label_text": "pos"}\n', ("text", "label_text"), [("good", "pos")]),
        ('{"labels": ["pos"], "data": {"sentence": "good"}}\n', ("data.sentence", "labels"), [("good", "pos")]),
        ('{"id": "x", "text": "good", "labels": [27]}\n', ("text", "labels"), [("good", "27")]),
        ('{"intent": true, "utterance": "good"}\n', ("utterance", "intent"), [("good", "true")]),
        (
            '{"text": "good", "label": "pos"}\n{"label": "neg", "text": "bad"}\n',  # in another order
            ("text", "label"),
            [("good", "pos"), ("bad", "neg")],
        ),
    ],
)  # fmt: skip
def test_json_lines_have_keys_for_text_and_label(read: Read, lines: str, keys: tuple, expected: list) -> None:
    corpus = read(lines, "t.jsonl")
    assert corpus.layouts == (LabelledLayout("jsonl", keys),) and texts_of(corpus) == expected
    assert read(name="t.jsonl", layouts=corpus.layouts).rows == corpus.rows


def test_rows_of_several_labels_are_left_out_and_many_of_them_refused(read: Read) -> None:
    lines = ['{"text": "a", "label": ["x"]}', '{"text": "b", "label": ["x", "y"]}', '{"text": "c", "label": ["y"]}']
    corpus = read("\n".join(lines), "t.jsonl")
    assert (
        texts_of(corpus) == [("a", "x"), ("c", "y")]
        and "row 2 of t.jsonl, which has 2 values" in corpus.dropped.message
    )
    corpus = read("__label__x a\n__label__x __label__y b\nc __label__y\n")
    assert (
        texts_of(corpus) == [("a", "x"), ("c", "y")] and "row 2 of t.tsv, which has 2 labels" in corpus.dropped.message
    )
    assert read(name="t.tsv", layouts=corpus.layouts).rows == corpus.rows
    for text, name in (("\n".join(lines[1:2] * 3), "t.jsonl"), ("__label__x __label__y b\n", "t.txt")):
        with pytest.raises(CorpusError, match="several labels; a classifier gives a text one"):
            read(text, name)


def test_a_compressed_table_is_read_and_names_the_run(read: Read) -> None:
    Path("reviews.tsv.gz").write_bytes(gzip.compress(rows_of(0, 1).encode()))
    corpus = read(name="reviews.tsv.gz")
    assert texts_of(corpus) == REVIEWS and corpus.name == "reviews"


@pytest.fixture
def folders(read: Read) -> None:
    """Films as Maas et al. published them, and surnames in a file for each language."""
    for split in ("train", "test"):
        for label in ("pos", "neg"):
            (folder := Path("films", split, label)).mkdir(parents=True)
            for number in range(3):
                (folder / f"{number}_7.txt").write_text(f"{split} {label}\n\tfilm {number}, good\n")
    Path("films/train/unsup").mkdir()
    Path("films/train/unsup/0_0.txt").write_text("unlabelled")
    Path("films/train/urls.txt").write_text("address")
    Path("films/README").write_text("about")
    Path("names").mkdir()
    Path("names/English.txt").write_text("Smith\n\nJones\n")
    Path("names/Greek.txt").write_text("Ελύτης\n")


@pytest.mark.usefixtures("folders")
def test_a_folder_for_each_label_has_a_text_in_each_file(read: Read) -> None:
    corpus = read(name="films/train")
    assert count_labels(corpus.rows) == {"neg": 3, "pos": 3}
    assert corpus.rows[0] == ("train neg film 0, good", "neg", "films/train/neg/0_7.txt", 1)
    assert corpus.layouts == (LabelledLayout("files", ("file", "folder")),)
    assert corpus.display_names == ("films/train/neg", "films/train/pos") and corpus.name == "train"
    assert corpus.notes[1:] == (
        "skipped films/train/unsup: unlabelled texts", "skipped films/train/urls.txt, beside the folders of the labels",
    )  # fmt: skip
    assert read(name="films/train", layouts=corpus.layouts).rows == corpus.rows
    everything = read(name="films")
    assert len(everything.rows) == 12 and "test, train are read as one" in everything.notes[-1]


@pytest.mark.usefixtures("folders")
def test_a_file_for_each_label_has_a_text_on_each_line(read: Read) -> None:
    corpus = read(name="names")
    assert [row[:] for row in corpus.rows] == [
        ("Smith", "English", "names/English.txt", 1), ("Jones", "English", "names/English.txt", 3),
        ("Ελύτης", "Greek", "names/Greek.txt", 1),
    ]  # fmt: skip
    assert corpus.layouts == (LabelledLayout("files", ("line", "file")),)
    assert read(name="names/*.txt", layouts=corpus.layouts).rows == corpus.rows


@pytest.mark.usefixtures("folders")
def test_a_single_folder_or_file_is_a_label_that_the_classifier_knows(read: Read) -> None:
    assert count_labels(read(name="films/test/pos", known_labels=["neg", "pos"]).rows) == {"pos": 3}
    assert count_labels(read(name="names/English.txt", known_labels=["English", "Greek"]).rows) == {"English": 2}


def test_endings_are_labels_where_the_names_are_equal(read: Read) -> None:
    Path("films").mkdir()
    for label, text in (("pos", "fine\n"), ("neg", "bad\n")):
        Path(f"films/rt-polarity.{label}").write_text(text)
    assert texts_of(read(name="films")) == [("bad", "neg"), ("fine", "pos")]


def test_texts_and_labels_in_two_files_are_to_be_joined(read: Read) -> None:
    Path("tweets").mkdir()
    Path("tweets/train_text.txt").write_text("good\nbad\n")
    Path("tweets/train_labels.txt").write_text("1\n0\n")
    with pytest.raises(CorpusError, match="the labels of the texts in tweets/train_text") as error:
        read(name="tweets")
    assert error.value.hint.endswith("paste tweets/train_text.txt tweets/train_labels.txt > train_labelled.txt")


def test_tables_of_several_splits_are_told(read: Read) -> None:
    Path("train.tsv").write_text(rows_of(0, 1))
    Path("test.tsv").write_text(rows_of(0, 1))
    assert "test, train are read as one corpus" in read(name="t*.tsv").notes[1]


def test_tables_in_folders_are_tables(read: Read) -> None:
    for name in ("data/train/a.txt", "data/extra/b.txt"):
        Path(name).parent.mkdir(parents=True)
        Path(name).write_text(rows_of(0, 1))
    assert texts_of(read(name="data")) == REVIEWS * 2


def test_many_texts_in_one_folder_are_one_label(read: Read) -> None:
    Path("pos").mkdir()
    for number in range(30):
        Path(f"pos/{number}_9.txt").write_text(f"film {number}\n")
    with pytest.raises(CorpusError, match="pos: 30 files with a text in each, but a single folder") as error:
        read(name="pos")
    assert "pos neg" in error.value.hint


def test_known_labels_tell_the_column_of_a_short_table(read: Read) -> None:
    table = "1\t5\n0\t3\n"
    assert texts_of(read(table, known_labels=["0", "1"])) == [("5", "1"), ("3", "0")]
    assert texts_of(read(table)) == [("1", "5"), ("0", "3")]
    with_unseen = read("a fine film\tunseen\nbad film\tpos\n", known_labels=["pos", "neg"])
    assert texts_of(with_unseen) == [("a fine film", "unseen"), ("bad film", "pos")]


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ("", "t.tsv", "no labelled texts, the file is empty"),
        ("\n\n", "t.tsv", "only blank lines"),
        ("one\ntwo\n", "t.txt", "no labelled text: .*row 1 .* no tab"),
        ("text,label\n", "t.csv", "only a header row"),
        ('[{"text": "a", "label": 1}]', "t.json", "not an object on each line"),
    ],
)
def test_a_file_without_labelled_texts_is_one_clear_line(read: Read, text: str, name: str, says: str) -> None:
    with pytest.raises(RnntuiError, match=says) as error:
        read(text, name)
    assert "\n" not in str(error.value)


def test_a_run_is_named_after_the_folder_of_its_labels(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    for label in ("good", "bad"):
        Path("films", label).mkdir(parents=True)
        for number in range(3):
            Path("films", label, f"{number}.txt").write_text(f"{label} film {number}")
    assert read_labelled(find_corpus(["films/good", "films/bad"])).name == "films"
    monkeypatch.chdir("films")
    assert read_labelled(find_corpus(["good", "bad"])).name == "good-bad"


@pytest.mark.parametrize(
    "values",
    [
        {"labels": ["a", "a"], "label_counts": [1, 2]},
        {"labels": ["a", ""], "label_counts": [1, 2]},
        {"labels": "ab", "label_counts": [1, 2]},
        {"labels": ["a", 3], "label_counts": [1, 2]},
        {"labels": [["a"], "b"]},
    ],
)
def test_labels_of_a_config_that_cannot_be_are_absent(values: dict[str, object]) -> None:
    info = LabelledCorpusInfo.from_json(values)
    assert info.labels == () and info.label_counts == ()


def test_the_corpus_section_is_read_as_it_was_written_and_the_rest_is_absent() -> None:
    layout = LabelledLayout("table", (2, 1), "\t", header=True, width=2)
    info = LabelledCorpusInfo(
        name="t", sources=("t.tsv",), labels=("b", "a"), label_counts=(7, 2), rows=(9, 1), label_column="1",
        layouts=(layout,), max_tokens=50,
    )  # fmt: skip
    assert LabelledCorpusInfo.from_json(json.loads(json.dumps(info.to_json()))) == info
    assert info.summary == "t.tsv; 9 texts with 2 labels, 1 for validation"
    wrong = {
        "label_counts": [1, -2],
        "rows": [1],
        "label_column": 3,
        "layouts": [{"format": "tmx", "columns": [1, 2]}],
        "max_tokens": "5",
    }
    read = LabelledCorpusInfo.from_json({"labels": ["a", "b"], **wrong})
    assert read == LabelledCorpusInfo(labels=("a", "b"))


def test_one_label_is_refused_with_the_flag(read: Read) -> None:
    with pytest.raises(CorpusError, match="all 2 rows have one label, 'pos'") as error:
        check_labels(read("a\tpos\nb\tpos\n"))
    assert "--label-column" in error.value.hint


def test_labels_as_many_as_rows_are_pairs_or_swapped_columns(read: Read) -> None:
    pairs = "".join(f"a sentence {i}\tein Satz {i}\n" for i in range(12))
    with pytest.raises(CorpusError, match="12 different labels in 12 rows") as error:
        check_labels(read(pairs))
    assert "train-seq2seq" in error.value.hint
    swapped = "".join(f"a long enough sentence {i}\t{'pos' if i % 2 else 'neg'}\n" for i in range(12))
    with pytest.raises(CorpusError, match="12 different labels in 12 rows; text and label look swapped") as error:
        check_labels(read(swapped, label="1"))
    assert error.value.hint == "--label-column 2"
    repeated = "".join(f"neg\ta long enough sentence {i % 3}\n" for i in range(12)) + "pos\ta long enough sentence 1\n"
    assert check_labels(read(repeated, label="2"))[0] == (
        "t.tsv: text and label look swapped: the 3 labels are longer than the 2 different texts; --label-column 1"
    )


def test_odd_labels_and_repeated_texts_are_told(read: Read) -> None:
    table = "a\tPos\na\tPos\nb\tneg\nb\tpos\nc\tpos\nd\tneg\ne\tpos\nf\tneg\n"
    assert check_labels(read(table)) == [
        "labels that differ only in case are different labels: 'pos', 'Pos'",
        "1 row repeats an earlier one; they are kept",
        "1 text has several labels, as 'b' (row 3 of t.tsv): at most 87.5% of the rows can be classified correctly",
    ]
    assert check_labels(read("a\tx\nb\tx\nc\ty\nd\tz\n")) == [
        "2 labels have 1 row each ('y', 'z'): they are learned, but cannot be validated"
    ]
    assert "a label of 400 characters" in check_labels(read("a\tx\nb\tx\nc\ty\nd\t" + "long" * 100))[0]
    assert check_labels(read("a\tx\nb\tx\nc\ty\n")) == ["label 'y' has 1 row: it is learned, but cannot be validated"]
