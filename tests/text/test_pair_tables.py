"""Tables as people have them: delimiters, quotes, headers, ids, exports; and the columns that are taken."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnntui.errors import CorpusError, RnntuiError, UsageError
from rnntui.kinds.pair_corpus_info import FIRST_TABLE_LAYOUT, PairLayout
from rnntui.text.corpus import find_corpus
from rnntui.text.delimited_rows import quoted_rows
from rnntui.text.pair_split import split_rule, train_validation_split
from rnntui.text.pairs import read_table
from rnntui.text.parallel_corpus import ParallelCorpus

CASES = Path(__file__).parents[1] / "data" / "cases"

SENTENCES = [
    ("The cat sat, on the mat.", "Le chat assis, sur le tapis."),
    ("He said hello.", "Il a dit bonjour."),
    ("She went home; he stayed.", "Elle est rentrée; il est resté."),
    ("I'm over here.", "Je suis là."),
    ("What is it about?", "De quoi s'agit-il ?"),
    ("A dog barked loudly.", "Un chien aboya fort."),
] * 4  # fmt: skip


def written(*rows: tuple[str, ...], delimiter: str = "\t", quoting: int = csv.QUOTE_MINIMAL, end: str = "\n") -> str:
    """Rows as the csv module writes them."""
    output = io.StringIO()
    csv.writer(output, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
    return output.getvalue()


def plain(*rows: tuple[str, ...], delimiter: str = "\t") -> str:
    """Rows without any quoting."""
    return "".join(delimiter.join(row) + "\n" for row in rows)


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ParallelCorpus]:
    """Reads a table of this text, in a file of this name."""
    monkeypatch.chdir(tmp_path)

    def call(text: str, name: str = "pairs.tsv", columns: str = "", **options) -> ParallelCorpus:
        Path(name).write_bytes(text.encode())
        return read_table(find_corpus([name]), columns, **options)

    return call


def pairs_of(corpus: ParallelCorpus) -> list[tuple[str, str]]:
    return [(pair.source, pair.target) for pair in corpus.rows]


@pytest.mark.parametrize(
    ("name", "columns", "count", "layout"),
    [
        ("columns-header-row.tsv", "", 149, PairLayout("table", (1, 2), "\t", header=True, width=2)),
        ("columns-id-text-translation.tsv", "2,3", 150, PairLayout("table", (2, 3), "\t", width=3)),
        ("columns-quoted.tsv", "", 120, PairLayout("table", (1, 2), "\t", quoted=True, width=2)),
        ("table.csv", "", 75, PairLayout("table", (1, 2), ",", quoted=True, header=True, width=2)),
        ("table-semicolon.csv", "", 78, PairLayout("table", (1, 2), ";", quoted=True, header=True, width=2)),
        ("pairs-cr-only.tsv", "", 150, PairLayout("table", (1, 2), "\t", width=2)),
        ("labels-two.tsv", "", 120, PairLayout("table", (1, 2), "\t", width=2)),
    ],
)
def test_cases(name: str, columns: str, count: int, layout: PairLayout) -> None:
    corpus = read_table(find_corpus([str(CASES / name)]), columns)
    assert len(corpus.rows) == count and corpus.layouts == (layout,)
    assert corpus.rows[0].target in ("Gardu oblid klavo arg kom sem.", "neg")
    assert not any('""' in pair.source or pair.source.startswith('"') for pair in corpus.rows)
    again = read_table(find_corpus([str(CASES / name)]), layouts=corpus.layouts)
    assert again.rows == corpus.rows and again.fingerprint() == corpus.fingerprint()


def test_ids_as_sources_are_refused_with_the_columns_to_name() -> None:
    with pytest.raises(CorpusError, match=r"column 1 holds numbers.*--columns 2,3"):
        read_table(find_corpus([str(CASES / "columns-id-text-translation.tsv")]))


def test_a_column_is_not_both_source_and_target() -> None:
    corpus = find_corpus([str(CASES / "columns-header-row.tsv")])
    name = (CASES / "columns-header-row.tsv").read_text("utf-8").split("\t")[0]
    with pytest.raises(UsageError, match=r"names column 1 of .* twice"):
        read_table(corpus, f"1,{name}")


def test_a_quote_that_is_never_closed_does_not_read_the_rest_of_the_file() -> None:
    lines = iter(['"open', *["x,y"] * 1000])
    assert next(quoted_rows(lines, ",")).cells is None
    assert len(list(lines)) >= 900


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("header", [(), (("source", "target"),), (("Bron", "Doel"),)])
@pytest.mark.parametrize("prefix", ["", "\ufeff", "sep"])
def test_csv_of_every_form(read, delimiter: str, quoting: int, header, prefix: str) -> None:
    start = f"sep={delimiter}\r\n" if prefix == "sep" else prefix
    text = start + written(*header, *SENTENCES, delimiter=delimiter, quoting=quoting, end="\r\n")
    corpus = read(text, "pairs.csv")
    assert pairs_of(corpus) == SENTENCES and corpus.layouts[0].header == bool(header)
    assert ("header row skipped" in corpus.notes[0]) == bool(header) and len(corpus.notes) == 1
    assert corpus.rows[0].row == 1 + bool(header) + (prefix == "sep")


@pytest.mark.parametrize("name", ["pairs.txt", "pairs.csv", "pairs", "pairs.tsv"])
def test_the_delimiter_is_found_whatever_the_name(read, name: str) -> None:
    assert pairs_of(read(written(*SENTENCES, delimiter=","), name)) == SENTENCES
    assert pairs_of(read(plain(*SENTENCES, delimiter=" ||| "), name)) == SENTENCES


def test_cells_of_several_lines_and_with_quotes(read) -> None:
    rows = [("two\nlines, here", "deux\n\nlignes"), ('He said "no".', '"Non", dit-il.'), *SENTENCES]
    corpus = read(written(*rows, delimiter=","), "pairs.csv")
    assert pairs_of(corpus)[:2] == [("two lines, here", "deux  lignes"), ('He said "no".', '"Non", dit-il.')]
    assert corpus.rows[1].row == 5 and pairs_of(corpus)[2:] == SENTENCES


PLAIN_QUOTES = [
    [('"Come in.', '"Entre.'), ('"Sit," he said.', '"Assis", dit-il.'), ('He said "no".', 'Il a dit "non".')],
    [('"What?"', '"Quoi ?"')],  # rows of Tatoeba, most of whose quotes stand around a whole sentence
    [('"Never closed.', "Jamais fermé.")],
    [('a 5" screen', "un écran de 5 pouces")],
    [('"', "quote")],
]


@pytest.mark.parametrize("quoting_rows", PLAIN_QUOTES)
@pytest.mark.parametrize("at", [0, 24])
def test_quotes_of_a_tab_separated_text_are_text(read, quoting_rows: list[tuple[str, str]], at: int) -> None:
    rows = [*SENTENCES[:at], *quoting_rows, *SENTENCES[at:], *SENTENCES]
    corpus = read(plain(*rows))
    assert pairs_of(corpus) == rows and not corpus.layouts[0].quoted


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_quotes_of_a_tab_separated_csv_enclose_cells(read, quoting: int) -> None:
    rows = [(f'He said: "{source}"' if n % 3 else source, target) for n, (source, target) in enumerate(SENTENCES)]
    corpus = read(written(*rows, quoting=quoting))
    assert pairs_of(corpus) == rows and "with quoted cells" in corpus.notes[0]


@pytest.mark.parametrize("before", [0, 24])
def test_a_quote_that_is_not_closed_costs_one_row(read, before: int) -> None:
    quoted = [written(row, delimiter=",", quoting=csv.QUOTE_ALL) for row in SENTENCES]
    text = "".join([*quoted[:before], '"An open quote,Ouvert\n', *quoted[before:], *quoted * 20])
    corpus = read(text, "pairs.csv")
    assert len(corpus.rows) == 21 * 24
    assert corpus.dropped.message.startswith(f"left out row {before + 1} of pairs.csv, whose quote is not closed: ")


def test_a_cell_longer_than_the_csv_module_allows_costs_one_row(read) -> None:
    corpus = read(f'"{"x" * 200_000}",y\n' + written(*SENTENCES, delimiter=","), "pairs.csv")
    assert pairs_of(corpus) == SENTENCES and corpus.dropped.count == 1


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.txt"])
def test_spaces_beside_quotes_and_escaped_quotes(read, name: str) -> None:
    spaced = "".join(f'"{source}", "{target}" \n' for source, target in SENTENCES)
    assert pairs_of(read(spaced, name)) == SENTENCES
    escaped = "".join(f'"He said \\"{source}\\"","{target}"\n' for source, target in SENTENCES)
    inches = '"a 5\\" disk","un disque de 5\\""\n'
    expected = [(f'He said "{source}"', target) for source, target in SENTENCES]
    assert pairs_of(read(inches + escaped, name)) == [('a 5" disk', 'un disque de 5"'), *expected]


def test_a_table_of_excel_in_utf_16(tmp_path: Path) -> None:
    path = tmp_path / "excel.txt"
    path.write_bytes(written(*SENTENCES, quoting=csv.QUOTE_ALL, end="\r\n").encode("utf-16"))
    with pytest.raises(CorpusError, match=r"UTF-16.*--encoding utf-16"):
        read_table(find_corpus([str(path)]))
    assert pairs_of(read_table(find_corpus([str(path)], "utf-16"))) == SENTENCES


def test_lines_are_joined_only_to_rows_of_the_usual_width() -> None:
    lines = ['"a', 'b",c', '"open,x', 'd,e"f', "g,h"]
    rows = [(row.number, row.cells) for row in quoted_rows(lines, ",", width=2)]
    assert rows == [(1, ["a\nb", "c"]), (3, None), (4, ["d", 'e"f']), (5, ["g", "h"])]
    lines = ['"open,x', 'd",e,f', "g,h"]
    assert [row.cells for row in quoted_rows(lines, ",", width=2)] == [None, ['d"', "e", "f"], ["g", "h"]]
    assert [row.cells for row in quoted_rows(lines, ",", width=3)] == [["open,x\nd", "e", "f"], ["g", "h"]]


def test_an_unquoted_comma_does_not_become_a_target(read) -> None:
    corpus = read(plain(*SENTENCES, delimiter=","), "pairs.csv")
    assert len(corpus.rows) == 20 and corpus.dropped.count == 4
    assert "which has 4 columns where others have 2" in corpus.dropped.message


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_empty_columns_at_the_end_are_nothing(read, delimiter: str) -> None:
    corpus = read(written(*((*row, "", "") for row in SENTENCES), delimiter=delimiter), "pairs.csv")
    assert pairs_of(corpus) == SENTENCES and corpus.dropped.count == 0


HEADERS = [
    [("source", "target"), *SENTENCES],
    [("Source Text", "TARGET_TEXT"), *SENTENCES[:2]],
    [("EN", "es-ES"), *SENTENCES],
    [("quelle", "ziel"), *SENTENCES],
    [("Deutsch", "Tok Pisin"), *SENTENCES],
    [("English", "Mandarin"), *((source, "你好吗") for source, _ in SENTENCES)],
    [("Inggris", "Hanyu"), *((source, f"你好{n}") for n, (source, _) in enumerate(SENTENCES))],
    [("sentence", "label"), *((source, str(n % 2)) for n, (source, _) in enumerate(SENTENCES))],
    [("utterance", "verdict"), *((source, "good" if n % 2 else "bad") for n, (source, _) in enumerate(SENTENCES))],
    [("text", "label"), *((f"word{n}", "noun") for n in range(30))],
    [("When", "ISO"), *((f"May {n}, 1930", f"1930-05-{n}") for n in range(10, 30))],
    [("n", "square"), *((str(n), str(n * n)) for n in range(30))],
]
NO_HEADERS = [
    SENTENCES,
    [("Go.", "Va."), *SENTENCES],
    [("Hi", "Salut"), ("Run", "Cours"), *SENTENCES],
    [("en", "English"), ("es", "Spanish"), ("de", "German"), ("fr", "French"), ("it", "Italian")],
    [("word", "mot"), ("house", "maison"), ("dog", "chien"), ("cat", "chat"), ("tree", "arbre"), ("sea", "mer")],
    [(str(n), "一二三四五六七八九十"[n % 10] * (n // 10 + 1)) for n in range(99)],
    [(word, word.upper()) for word in ("ab", "cd", "abc", "xyz", "ef", "gh", "ij")],
    [("I", "1"), ("II", "2"), ("III", "3"), ("IV", "4"), ("V", "5"), ("VI", "6")],
    [("Abe", "M"), ("Ada", "F"), ("Bob", "M"), ("Cleo", "F"), ("Dan", "M"), ("Eve", "F")],
]


@pytest.mark.parametrize("rows", HEADERS, ids=lambda rows: rows[0][0])
def test_a_header_row_is_not_a_pair(read, rows: list[tuple[str, str]]) -> None:
    corpus = read(plain(*rows))
    assert pairs_of(corpus) == rows[1:] and f"header row skipped ({rows[0][0]!r}, {rows[0][1]!r})" in corpus.notes[0]


@pytest.mark.parametrize("rows", NO_HEADERS, ids=lambda rows: rows[0][0])
def test_a_first_row_like_the_others_is_a_pair(read, rows: list[tuple[str, str]]) -> None:
    corpus = read(plain(*rows))
    assert pairs_of(corpus) == rows and "header" not in corpus.notes[0]


def test_columns_are_named_by_number_or_header(read) -> None:
    rows = [("id", "source", "score", "target, final"), *((str(n), a, "0.5", b) for n, (a, b) in enumerate(SENTENCES))]
    text = written(*rows, delimiter=",")
    for columns in ("2,4", "source,4", 'SOURCE , "target, final"', '2,"target, final"'):
        corpus = read(text, "p.csv", columns)
        assert pairs_of(corpus) == SENTENCES and corpus.layouts[0].columns == (2, 4) and len(corpus.notes) == 1
    assert pairs_of(read(text, "p.csv", "4,2"))[0] == SENTENCES[0][::-1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("2", "must name two columns"),
        ("2,2", "must name two columns"),
        ("0,1", "must name two columns"),
        (",", "must name two columns"),
        ("1,2,3", "must name two columns"),
        ("source,target", "first row of pairs.tsv has no 'source'.*or give numbers"),
        ("2,9", "pairs.tsv has 3 columns"),
    ],
)
def test_columns_that_a_table_does_not_have(read, columns: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        read(plain(*((str(n), *row) for n, row in enumerate(SENTENCES))), columns=columns)
    assert error.value.setting == "columns" and "\n" not in str(error.value)


def columns_before(make: Callable[[int], tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The sentences with other columns before them."""
    return [(*make(n), *row) for n, row in enumerate(SENTENCES)]


@pytest.mark.parametrize(
    ("rows", "warning"),
    [
        (columns_before(lambda n: (f"0.{n % 7}",)), "column 1 holds numbers; .*--columns 2,3"),
        (columns_before(lambda n: (f"ab{n:04x}-9",)), "column 1 holds ids; .*--columns 2,3"),
        (columns_before(lambda n: (f"https://x.org/{n}",)), "column 1 holds URLs; .*--columns 2,3"),
        (columns_before(lambda n: (f"2020-01-{n % 9 + 10}",)), "column 1 holds dates; .*--columns 2,3"),
        (columns_before(lambda n: (f"clip_{n}.mp3",)), "column 1 holds file names; .*--columns 2,3"),
        (columns_before(lambda n: (["Anna", "Robert"][n % 2],)), "column 1 holds labels; .*--columns 2,3"),
        (columns_before(lambda n: ("",)), "column 1 holds nothing; .*--columns 2,3"),
        ([(a, "en-fr", b) for a, b in SENTENCES], "column 2 holds codes; .*--columns 1,3"),
        ([(f"https://x.org/{n}", "neg", a) for n, (a, _) in enumerate(SENTENCES)], "--columns 3,2"),
    ],
)
def test_columns_without_text_are_told(read, rows: list[tuple[str, ...]], warning: str) -> None:
    if not rows[0][0]:
        with pytest.raises(CorpusError, match=warning):
            read(plain(*rows))
        return
    summary, told = read(plain(*rows)).notes
    assert "of 3;" in summary or "of 4;" in summary
    assert re.search(warning, told)


@pytest.mark.parametrize(
    ("make", "origin"),
    [
        (lambda n: ("en", "fr"), "as the Tatoeba Challenge has them"),
        (lambda n: (["eng", "sco"][n % 2], ["zho_Hans", "zho_Hant"][n % 2]), "as the Tatoeba Challenge has them"),
        (lambda n: (f"https://a.org/{n}", f"https://b.org/{n}"), "as web crawls have them"),
    ],
)
def test_the_texts_behind_two_columns_of_languages_or_addresses_are_taken(read, make, origin: str) -> None:
    for score in (), ("0.9",):
        corpus = read(plain(*((*row, *score) for row in columns_before(make))))
        assert pairs_of(corpus) == SENTENCES
        [summary] = corpus.notes
        assert f"columns 3 and 4 of {4 + len(score)}, {origin}" in summary
        again = read(plain(*((*row, *score) for row in columns_before(make))), layouts=corpus.layouts)
        assert again.rows == corpus.rows


def test_few_sources_of_many_targets_are_told(read) -> None:
    labelled = [(str(n % 2), a) for n, (a, _) in enumerate(SENTENCES * 2)]
    assert "column 1 holds 2 different sources for 6 targets" not in str(read(plain(*labelled)).notes)
    different = [(label, f"{text} {n}") for n, (label, text) in enumerate(labelled)]
    [_, warning] = read(plain(*different)).notes
    assert "column 1 holds 2 different sources for 48 targets; " in warning and "--columns 2,1" in warning
    assert len(read(plain(*((text, label) for label, text in different))).notes) == 1


ANKI = "#separator:tab\n#html:true\n"


@pytest.mark.parametrize(
    ("text", "pairs", "said"),
    [
        (ANKI + "a b\tc\n", [("a b", "c")], "2 lines before the rows skipped, columns 1 and 2;"),
        (
            ANKI + "#tags column:3\n<b>a</b>&nbsp;b<br>c\t1 &lt; 2[sound:x.mp3]\tt\n",
            [("a b c", "1 < 2")],
            "columns 1 and 2 of 3, as Anki",
        ),
        (ANKI + "#guid column:1\n#notetype column:2\nx?\tBasic\ta\tb\n", [("a", "b")], "columns 3 and 4"),
        ("#separator:Semicolon\n#html:false\n#columns:Front;Back\n<b>;b\n", [("<b>", "b")], "semicolon-separated"),
        ("#separator:,\n#html:true\na,b\n", [("a", "b")], "comma-separated"),
        ("# made by hand\n# License: CC0\twhatever\n\na\tb\n", [("a", "b")], "3 lines"),
        ("# a table\na\tb\n", [("a", "b")], "columns 1 and 2"),
        ("#fun day\tpos\n#sad day\tneg\nno\tneg\n", [("#fun day", "pos"), ("#sad day", "neg"), ("no", "neg")], ""),
        ("# a\tb\n# c\td\n", [("# a", "b"), ("# c", "d")], ""),
        ("# of men\tb\nc\td\n", [("# of men", "b"), ("c", "d")], ""),
    ],
)
def test_lines_before_the_rows(read, text: str, pairs: list[tuple[str, str]], said: str) -> None:
    corpus = read(text)
    assert pairs_of(corpus) == pairs
    assert said in corpus.notes[0] and not corpus.dropped.count
    assert read(text, layouts=corpus.layouts).rows == corpus.rows
    assert corpus.rows[0].row == text.count("\n") - len(pairs) + 1


def test_columns_named_before_the_rows(read) -> None:
    text = "#separator:tab\n#columns:Id\tFront\tBack\n" + plain(*columns_before(lambda n: (str(n),)))
    assert pairs_of(read(text, columns="Back,Front")) == [(b, a) for a, b in SENTENCES]


@pytest.mark.parametrize(
    "rows",
    [
        [(str(n), str(n * n)) for n in range(30)],
        [(str(n), "一二三"[n % 3], "yi") for n in range(30)],
        [(*row, "CC-BY 2.0 (France) Attribution: tatoeba.org #12 (CM) & #34 (x)") for row in SENTENCES],
        [(*row, str(n)) for n, row in enumerate(SENTENCES)],
        [(a, "pos" if n % 2 else "neg") for n, (a, _) in enumerate(SENTENCES)],
        [(f"house{chr(97 + n)}", f"casa{chr(98 + n)}", "this is an example") for n in range(25)],
        SENTENCES,
    ],
)
def test_columns_with_text_or_a_task_of_two_columns_are_not_told(read, rows: list[tuple[str, ...]]) -> None:
    assert len(read(plain(*rows)).notes) == 1


def test_exports_of_tatoeba(read) -> None:
    exported = [(str(1000 + n), a, str(5000 + 3 * n), b) for n, (a, b) in enumerate(SENTENCES)]
    corpus = read("\ufeff" + plain(*exported))
    assert pairs_of(corpus) == SENTENCES and "columns 2 and 4 of 4, as Tatoeba exports them" in corpus.notes[0]
    for name, rows in (
        ("links.csv", [(str(1000 + n // 2), str(5000 + n)) for n in range(30)]),
        ("sentences.csv", [(str(n), "eng", a) for n, (a, _) in enumerate(SENTENCES)]),
        (
            "sentences_detailed.csv",
            [(str(n), "eng", a, "CM", "2020-01-01", "\\N") for n, (a, _) in enumerate(SENTENCES)],
        ),
    ):
        with pytest.raises(CorpusError, match=f"^{name} .*Sentence pairs"):
            read(plain(*rows), name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n \n\n", "only blank lines"),
        ("source\ttarget\n", "only a header row"),
        ("one\ntwo\n", "row 1 of pairs.tsv, which has no tab.*--source and --target"),
        ("Well, here it is, as ever.\nAnd there, too, we go.\n", "which has no tab"),
        ('[{"en": "a", "es": "b"}]', "not an object on each line.*jq"),
    ],
)
def test_a_file_without_pairs_says_why(read, text: str, message: str) -> None:
    with pytest.raises(RnntuiError, match=message) as error:
        read(text)
    assert "\n" not in str(error.value)


def test_one_pair_is_not_1_pairs(read) -> None:
    assert "; 1 pair, the first: 'a\\x1b' → 'b'" in read("a\x1b\tb\n").notes[0]


def test_each_file_has_its_own_layout(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(plain(("source", "target"), *SENTENCES))
    (tmp_path / "b.csv").write_text(written(*SENTENCES, delimiter=";"))
    (tmp_path / "c.tsv").write_text(plain(("source", "target"), *SENTENCES))
    corpus = read_table(find_corpus([str(tmp_path)]))
    assert pairs_of(corpus) == SENTENCES * 3 and [layout.delimiter for layout in corpus.layouts] == ["\t", ";", "\t"]
    assert "a.tsv, " in corpus.notes[0] and "semicolon-separated" in corpus.notes[0]
    assert read_table(find_corpus([str(tmp_path)]), layouts=corpus.layouts).rows == corpus.rows


def test_tables_of_earlier_versions_are_read_as_then(read) -> None:
    rows = [("source", "target"), ('"quoted"', "b"), ("1", "text", "more"), ("a", "b", "c", "d")]
    assert pairs_of(read(plain(*rows), layouts=[FIRST_TABLE_LAYOUT])) == [row[:2] for row in rows]


def test_the_beginning_of_a_large_table_decides(read) -> None:
    rows = [(f"sentence number {n}", f"phrase numéro {n}") for n in range(5000)]
    late = ('"late", he said', '"tard"')
    assert pairs_of(read(plain(*rows, late)))[-1] == late
    assert pairs_of(read(written(*rows, late, delimiter=","), "pairs.csv"))[-1] == late


@pytest.mark.parametrize(
    ("name", "rule"), [("labels-two.tsv", "source"), ("labels-tag-sequences.tsv", "source"), ("table.csv", "both")]
)
def test_labels_are_shared_by_training_and_validation(name: str, rule: str) -> None:
    corpus = read_table(find_corpus([str(CASES / name)]))
    assert split_rule(corpus.rows) == rule
    training, validation = train_validation_split(corpus.rows, 0.1, 1, rule)
    assert len(validation) == round(0.1 * len(corpus.rows))
    assert not {pair.source for pair in training} & {pair.source for pair in validation}
    shared = {pair.target for pair in training} & {pair.target for pair in validation}
    assert bool(shared) == (rule == "source")


def test_a_source_with_several_labels_stays_on_one_side(read) -> None:
    rows = [(f"Sentence {n // 2}" + "!" * (n % 2), "ABC"[n % 3]) for n in range(400)]
    training, validation = train_validation_split(read(plain(*rows)).rows, 0.1, 3, "source")
    keys = [{pair.source.strip("!") for pair in part} for part in (training, validation)]
    assert len(validation) == 40 and not keys[0] & keys[1]


@pytest.mark.parametrize(
    ("targets", "rule"), [(2, "source"), (30, "source"), (49, "source"), (50, "both"), (100, "both")]
)
def test_the_rule_follows_the_number_of_distinct_targets(read, targets: int, rule: str) -> None:
    assert split_rule(read(plain(*((f"s {n}", f"t {n % targets}") for n in range(100)))).rows) == rule


CELLS = st.lists(st.text('ab ",;\t\n', max_size=8), min_size=2, max_size=3)


@given(st.lists(CELLS, max_size=8), st.sampled_from(",;\t"), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_rows_are_those_of_the_csv_module(rows: list[list[str]], delimiter: str, quoting: int) -> None:
    lines = written(*map(tuple, rows), delimiter=delimiter, quoting=quoting).split("\n")[:-1]
    read = list(quoted_rows(lines, delimiter))
    assert [[cell.lstrip(" ") for cell in row.cells or []] for row in read] == [
        [cell.lstrip(" ") for cell in row] for row in rows
    ]


@given(st.text('ab",\n', max_size=60))
def test_no_line_is_lost_whatever_its_quotes(text: str) -> None:
    lines = text.split("\n")
    rows = list(quoted_rows(lines, ",", width=2))
    assert "\n".join(row.text for row in rows).count("\n") == len(lines) - 1
    assert [row.number for row in rows] == sorted({row.number for row in rows})


def test_lines_are_read_one_by_one() -> None:
    def lines():
        yield from ["a\tb", "c\td"]
        raise AssertionError("read ahead")

    assert [row.cells for row in islice(quoted_rows(lines(), "\t"), 2)] == [["a", "b"], ["c", "d"]]
