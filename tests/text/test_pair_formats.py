"""Pairs from translation memories (TMX), JSON lines and aligned files, and files that are none of these."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rnntui.errors import CorpusError, RnntuiError, UsageError
from rnntui.kinds.pair_corpus_info import PairCorpusInfo, PairLayout
from rnntui.text.corpus import find_corpus
from rnntui.text.pairs import read_table
from rnntui.text.parallel_corpus import ParallelCorpus
from rnntui.text.tmx import TranslationMemory

CASES = Path(__file__).parents[1] / "data" / "cases"


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ParallelCorpus]:
    """Reads a file of this content."""
    monkeypatch.chdir(tmp_path)

    def call(name: str, content: str | bytes, columns: str = "", **options) -> ParallelCorpus:
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(find_corpus([name], **options), columns)

    return call


def pairs_of(corpus: ParallelCorpus) -> list[tuple[str, str]]:
    return [(pair.source, pair.target) for pair in corpus.rows]


def unit(**segments: str) -> str:
    """A translation unit; `en_US` is the segment in en-US."""
    variants = (f'<tuv xml:lang="{code.replace("_", "-")}"><seg>{text}</seg></tuv>' for code, text in segments.items())
    return f"<tu>{''.join(variants)}</tu>\n"


def memory(*units: str, start: str = '<?xml version="1.0" encoding="UTF-8"?>', source: str = "en") -> str:
    return f'{start}<tmx version="1.4"><header srclang="{source}"/><body>{"".join(units)}</body></tmx>'


def test_the_translation_memory_of_the_cases() -> None:
    for columns, languages in (("", ("en", "ty")), ("ty,EN", ("ty", "EN")), ("2,1", ("ty", "en"))):
        corpus = read_table(find_corpus([str(CASES / "memory.tmx")]), columns)
        texts = ("The gardener forgot a silver key as usual.", "Gardu oblid klavo arg kom sem.")
        assert len(corpus.rows) == 14 and corpus.layouts == (PairLayout("tmx", languages),)
        assert pairs_of(corpus)[0] == (texts if languages[0] == "en" else texts[::-1]) and corpus.name == "memory"
        again = read_table(find_corpus([str(CASES / "memory.tmx")]), layouts=corpus.layouts)
        assert again.rows == corpus.rows
    assert "translation memory, ty to en; 14 pairs, the first: 'Gardu" in corpus.notes[0]


@pytest.mark.parametrize(
    ("units", "source", "columns", "pairs"),
    [
        ([unit(en_US="a", fr_CA="b")], "en", "", [("a", "b")]),
        ([unit(en_US="a", fr_CA="b")], "en", "FR,en", [("b", "a")]),
        ([unit(en_US="a", fr_CA="b")], "en", "en-us,fr", [("a", "b")]),
        ([unit(en="a", fr="b")], "en", "fr_FR,en-GB", [("b", "a")]),
        ([unit(pt_BR="a", pt_PT="b")], "pt-BR", "", [("a", "b")]),
        ([unit(fr="b", en="a")], "en", "", [("a", "b")]),
        ([unit(fr="b", en="a")], "EN-US", "", [("a", "b")]),
        ([unit(fr="b", en="a")], "*all*", "", [("b", "a")]),
        ([unit(en="a", fr="b", de="c"), unit(de="f", en="d")], "en", "en,de", [("a", "c"), ("d", "f")]),
        ([unit(en_US="a", fr="b"), unit(en_GB="c", fr="d")], "en", "", [("a", "b"), ("c", "d")]),
        ([unit(en_US="a", en_GB="c", fr="d")], "en", "en-GB,fr", [("c", "d")]),
    ],
)
def test_languages_of_a_memory(read, units: list[str], source: str, columns: str, pairs: list[tuple[str, str]]) -> None:
    assert pairs_of(read("m.tmx", memory(*units, source=source), columns)) == pairs


@pytest.mark.parametrize(
    ("segment", "text"),
    [
        ('Click <bpt i="1">&lt;b&gt;</bpt>here<ept i="1">&lt;/b&gt;</ept>.', "Click here."),
        ("You have <ph>{0}</ph> <hi>new</hi> mails", "You have new mails"),
        ('a<it pos="begin">&lt;i><sub>note</sub></it> b<ut>x</ut>', "a b"),
        ("\n   two\n   lines\t ", "two lines"),
        ("Tom &amp; <!-- comment -->Jerry &#233;", "Tom & Jerry é"),
        ("<![CDATA[1 < 2]]>", "1 < 2"),
    ],
)
def test_segments_lose_the_codes_of_their_document(read, segment: str, text: str) -> None:
    assert pairs_of(read("m.tmx", memory(unit(en=segment, fr="x")))) == [(text, "x")]


MEMORY = memory(unit(en="caf\u00e9", fr="b"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.tmx", MEMORY),
        ("m.xml", "\ufeff" + MEMORY),
        ("m.tmx.gz", gzip.compress(MEMORY.encode())),
        ("m.tmx", MEMORY.replace("UTF-8", "UTF-16").encode("utf-16")),
        ("m.tmx", MEMORY.replace("UTF-8", "UTF-16")),  # converted to UTF-8, with the declaration as it was
        ("m.tmx", MEMORY.replace('"UTF-8"', "'utf-16le' standalone='yes'").encode("utf-8-sig")),
        ("m.tmx", MEMORY.replace("UTF-8", "unicode")),
        ("m.tmx", MEMORY.replace("UTF-8", "ISO-8859-1").encode("latin-1")),
        ("m.tmx", memory(unit(en="café", fr="b"), start='<!DOCTYPE tmx SYSTEM "tmx14.dtd">')),
        ("m.tmx", MEMORY.replace("<tmx ", '<tmx xmlns="http://www.lisa.org/tmx14" ')),
        ("m.tmx", MEMORY.replace("xml:lang", "lang")),
    ],
)
def test_memories_of_every_form(read, name: str, content: str | bytes) -> None:
    assert pairs_of(read(name, content)) == [("café", "b")]


def test_units_without_both_languages_are_counted(read) -> None:
    corpus = read("m.tmx", memory(unit(en="a", fr="b"), unit(en="c"), unit(en="", fr="d")))
    assert pairs_of(corpus) == [("a", "b")] and corpus.dropped.count == 2
    assert corpus.dropped.first == "row 2 of m.tmx, a translation unit without fr"


BOMB = "<!DOCTYPE tmx [<!ENTITY a 'aaaaaaaaaaaaaaaaaaaa'>" + "".join(
    f"<!ENTITY {name} '{f'&{inner};' * 20}'>" for inner, name in zip("abcdef", "bcdefg", strict=True)
) + "<!ENTITY file SYSTEM 'secret.txt'>]>"  # fmt: skip


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        (memory(unit(en="a", fr="b", de="c")), "", "languages en, fr, de; .*--columns en,fr"),
        (memory(unit(en="a", fr="b")), "en,xx", "no language 'xx'; it has en, fr"),
        (memory(unit(en="a")), "", "segments are in en"),
        (memory(), "", "no translation units"),
        (MEMORY[:-30], "", "not well-formed XML"),
        (MEMORY.encode("latin-1"), "", "not well-formed XML.*--errors replace"),
        ("", "", "m.tmx.*no element found"),
        (memory(unit(en="x &g;", fr="b"), start=BOMB), "", "not well-formed XML"),
    ],
)
def test_memories_that_cannot_be_read(read, content: str | bytes, columns: str, message: str) -> None:
    with pytest.raises(RnntuiError, match=message) as error:
        read("m.tmx", content, columns)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("units", [[], [unit(en="alone")]])
def test_a_memory_without_pairs_does_not_refuse_the_others_of_its_folder(tmp_path: Path, units: list[str]) -> None:
    for name, content in (("a.tmx", memory(*units)), ("b.tmx", MEMORY), ("c.tmx", MEMORY)):
        (tmp_path / name).write_text(content)
    corpus = read_table(find_corpus([str(tmp_path)]))
    assert pairs_of(corpus) == [("café", "b")] * 2 and "a.tmx has no pairs" in corpus.notes[1]
    assert read_table(find_corpus([str(tmp_path)]), layouts=corpus.layouts).rows == corpus.rows
    (tmp_path / "b.tmx").unlink()
    (tmp_path / "c.tmx").unlink()
    with pytest.raises(CorpusError, match=r"a\.tmx has no pairs"):
        read_table(find_corpus([str(tmp_path)]))


def test_entities_are_not_loaded(read, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    corpus = read("m.tmx", memory(unit(en="x &file;", fr="b"), start=BOMB))
    assert pairs_of(corpus) == [("x", "b")]


def test_errors_replace_reads_on(read) -> None:
    content = memory(unit(en="café", fr="b"), unit(en="c", fr="d")).encode("latin-1")
    assert pairs_of(read("m.tmx", content, errors="replace"))[-1] == ("c", "d")


def test_a_memory_is_read_unit_by_unit(tmp_path: Path) -> None:
    path = tmp_path / "m.tmx"
    path.write_text(memory(*(unit(en=f"text {n}", fr="b") for n in range(20_000)))[:-8])
    units = TranslationMemory(path, "m.tmx", "strict").units()
    assert next(units) == (1, {"en": "text 0", "fr": "b"})  # the missing end has not been read yet


@pytest.mark.parametrize(
    ("text", "columns", "pairs"),
    [
        ('{"id": "0", "translation": {"en": "Hi", "es": "Hola"}}\n', "", [("Hi", "Hola")]),
        ('{"id": "0", "translation": {"en": "Hi", "es": "Hola"}}\n', "es,en", [("Hola", "Hi")]),
        ('{"target": "b", "source": "a\\nc"}\n\n{"source": "\\u00e9", "target": "d"}', "", [("a c", "b"), ("é", "d")]),
        ('{"text": "good", "label": 1}\n{"text": "bad", "label": 0}\n', "", [("good", "1"), ("bad", "0")]),
        ('{"en": "a", "fr": "b"}\n', "", [("a", "b")]),
        ('{"en": "a", "fr": "b", "de": "c"}\n', "DE,en", [("c", "a")]),
        ('{"source": "\\ud800x", "target": "b"}\n', "", [("?x", "b")]),
        ('{"instruction": "a", "input": "", "output": "b"}\n', "", [("a", "b")]),
        ('{"id": "7", "q": "a", "answers": {"text": ["b", "c"], "start": [0]}}\n', "", [("a", "b")]),
        ('{"en": "a", "es": "b", "score": 0.5, "checked": true}\n', "", [("a", "b")]),
        ('{"id": "7", "en": "a", "es": "b"}\n', "", [("a", "b")]),
    ],
)
def test_json_lines(read, text: str, columns: str, pairs: list[tuple[str, str]]) -> None:
    assert pairs_of(read("pairs.jsonl", text, columns)) == pairs


def test_json_lines_without_pairs_are_counted(read) -> None:
    good = '{"source": "a", "target": "b"}\n'
    corpus = read(
        "pairs.jsonl", good + '{"source": "c"}\n' + good * 20 + "oops\n" + '{"source": "c", "target": null}\n'
    )
    assert len(corpus.rows) == 21 and corpus.dropped.count == 3
    assert "row 2 of pairs.jsonl, which has no 'target'" in corpus.dropped.message


@pytest.mark.parametrize(
    ("columns", "message"), [("", "keys a, b, c; .*--columns"), ("a,x", "no key 'x'; it has a, b")]
)
def test_keys_that_are_unclear(read, columns: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read("pairs.jsonl", '{"a": "d", "b": "e", "c": "f"}\n', columns)


def test_braces_do_not_make_json(read) -> None:
    assert pairs_of(read("pairs.tsv", "{name}\t{nom}\n")) == [("{name}", "{nom}")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.po", 'msgid "a"\nmsgstr "b"\n', "a gettext PO file.*TMX"),
        ("x.xlf", '<?xml version="1.0"?><xliff version="1.2"><file/></xliff>', "an XLIFF file.*TMX"),
        ("x.json", '[\n  {\n    "en": "a",\n    "es": "b"\n  }\n]', "JSON, but not an object on each line"),
        ("x.json", '{\n  "a b": "c",\n  "d": "e"\n}', "to_entries"),
        ("x.jsonl", '["a", "b"]\n["c", "d"]\n', "source: .\\[0\\]"),
    ],
)
def test_other_formats_are_named(read, name: str, content: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read(name, content)


def aligned(folder: Path, base: str = "Books.en-es", **texts: str) -> Path:
    """A folder of aligned files, with those that OPUS adds."""
    folder.mkdir(exist_ok=True)
    for language, text in (texts or {"en": "one\ntwo\n", "es": "uno\ndos\n"}).items():
        (folder / f"{base}.{language}").write_text(text)
    for name in ("README", "LICENSE", f"{base}.xml", f"{base}.ids", f"{base}.scores"):
        (folder / name).write_text("of no interest\n")
    return folder


def test_aligned_files_of_a_folder(tmp_path: Path) -> None:
    corpus = read_table(find_corpus([str(aligned(tmp_path / "opus"))]))
    assert pairs_of(corpus) == [("one", "uno"), ("two", "dos")] and corpus.layouts == (
        PairLayout("aligned", ("en", "es")),
    )
    assert "aligned line by line, en to es; 2 pairs, the first: 'one' → 'uno'" in corpus.notes[0]
    turned = read_table(find_corpus([str(tmp_path / "opus")]), "ES,en")
    assert pairs_of(turned)[0] == ("uno", "one")
    assert read_table(find_corpus([str(tmp_path / "opus")]), layouts=turned.layouts).rows == turned.rows


def test_aligned_files_that_are_named(tmp_path: Path) -> None:
    folder = aligned(tmp_path / "opus")
    names = [str(folder / "Books.en-es.es"), str(folder / "Books.en-es.en")]
    assert pairs_of(read_table(find_corpus(names)))[0] == ("uno", "one")


def test_an_archive_of_aligned_files(tmp_path: Path) -> None:
    folder = aligned(tmp_path / "opus")
    with zipfile.ZipFile(tmp_path / "en-es.txt.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    corpus = read_table(find_corpus([str(tmp_path / "en-es.txt.zip")]))
    assert pairs_of(corpus) == [("one", "uno"), ("two", "dos")]


@pytest.mark.parametrize(
    ("make", "columns", "message"),
    [
        (
            lambda folder: aligned(folder, en="a\n", es="b\n", fr="c\n"),
            "",
            "more than two languages: .*--columns en,es",
        ),
        (aligned, "en,fr", "no file in language 'fr'"),
        (lambda folder: aligned(aligned(folder, "train"), "val"), "", "several pairs .*--source and --target"),
        (lambda folder: aligned(folder, en="a\nb\n", es="c\n"), "", "Books.en-es.es ends after 1 line and"),
    ],
)
def test_aligned_files_that_are_unclear(tmp_path: Path, make, columns: str, message: str) -> None:
    with pytest.raises(RnntuiError, match=message):
        read_table(find_corpus([str(make(tmp_path / "opus"))]), columns)


def test_a_folder_of_tables_is_not_aligned(tmp_path: Path) -> None:
    for name in ("words.en", "words.es", "more.tsv"):
        (tmp_path / name).write_text(f"{name}\tb\n")
    assert len(read_table(find_corpus([str(tmp_path)])).rows) == 3
    (tmp_path / "more.tsv").unlink()
    assert len(read_table(find_corpus([str(tmp_path)])).rows) == 2


LAYOUTS = [
    PairLayout("table", (2, 3), ";", quoted=True, header=True, width=4),
    PairLayout("tmx", ("en-US", "fr")),
    PairLayout("jsonl", ("translation.en", "translation.es")),
    PairLayout("aligned", ("en", "es")),
]


def test_layouts_come_back_from_json() -> None:
    info = PairCorpusInfo(columns="2,3", layouts=tuple(LAYOUTS), split="source")
    assert PairCorpusInfo.from_json(info.to_json()) == info
    assert PairCorpusInfo.from_json({}).layouts is None and PairCorpusInfo.from_json({}).split is None


@pytest.mark.parametrize(
    "change",
    [
        {"columns": [1]}, {"columns": [0, 1]}, {"columns": ["a", "b"]}, {"columns": 1}, {"columns": [1, [2]]},
        {"format": "pdf"}, {"format": []}, {"delimiter": ""}, {"delimiter": 1}, {"quoted": 1}, {"header": None},
        {"width": -1}, {"width": "2"}, {"unknown": 1},
    ],
)  # fmt: skip
def test_a_layout_that_is_not_valid_is_absent(change: dict[str, object]) -> None:
    good = PairCorpusInfo(layouts=(LAYOUTS[0],)).to_json()["layouts"][0]
    assert PairCorpusInfo.from_json({"layouts": [good]}).layouts == (LAYOUTS[0],)
    assert PairCorpusInfo.from_json({"layouts": [{**good, **change}]}).layouts is None


@pytest.mark.parametrize("readme", ["_about.txt", "README.md", "LICENSE", "readme.txt"])
def test_a_table_in_an_archive_with_a_readme(tmp_path: Path, readme: str) -> None:
    with zipfile.ZipFile(tmp_path / "spa-eng.zip", "w") as archive:
        archive.writestr(readme, "Sentence pairs\tfrom a project\n")
        archive.writestr("spa.txt", "Go.\tVe.\tCC-BY 2.0\nHi.\tHola.\tCC-BY 2.0\n")
    corpus = read_table(find_corpus([str(tmp_path / "spa-eng.zip")]))
    assert pairs_of(corpus) == [("Go.", "Ve."), ("Hi.", "Hola.")] and corpus.name == "spa-eng"
    assert corpus.notes[1].startswith("skipped ") and corpus.notes[1].endswith(readme)
    assert [Path(name).name for name in corpus.display_names] == ["spa.txt"]


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2"])
def test_compressed_tables(read, suffix: str) -> None:
    compress = {".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}[suffix]
    corpus = read(f"pairs.csv{suffix}", compress(b"source;target\none;uno\ntwo;dos\n"))
    assert pairs_of(corpus) == [("one", "uno"), ("two", "dos")] and corpus.name == "pairs"


def test_tatoeba_in_a_tar(tmp_path: Path) -> None:
    (tmp_path / "links.csv").write_text("".join(f"{n // 2}\t{n + 1000}\n" for n in range(30)))
    with tarfile.open(tmp_path / "links.tar.bz2", "w:bz2") as archive:
        archive.add(tmp_path / "links.csv", "links.csv")
    with pytest.raises(CorpusError, match="ids of Tatoeba's sentences"):
        read_table(find_corpus([str(tmp_path / "links.tar.bz2")]))
