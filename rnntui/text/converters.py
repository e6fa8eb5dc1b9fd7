"""Text of subtitles, and of HTML, DOCX, ODT and EPUB files, by the libraries of the extra `documents`.

HTML is laid out by inscriptis; DOCX becomes HTML by mammoth first. The parts of an EPUB are read in the book's order.
Characters that only say where a line may break, such as soft hyphens, are left out: they are layout as tags are.
"""

from __future__ import annotations

import codecs
import io
import posixpath
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from rnntui.errors import CorpusError
from rnntui.extras import missing_modules, requirement
from rnntui.formatting import shell_quote
from rnntui.text.encoding import is_utf8
from rnntui.text.normalization import INVISIBLE
from rnntui.text.password_protection import is_protected
from rnntui.text.recognition import ZIP_TYPES
from rnntui.text.subtitles import SUBTITLE_FORMATS, SubtitleText, detect_format, parse_subtitles
from rnntui.text.zip_formats import ZIP_START, format_of_zip
from rnntui.untrusted_files import read_bounded

_MAX_BYTES = 256 << 20  # of a document's parts when decompressed
_MAX_TEXT_BYTES = 32 << 20  # of HTML or of one part of a document; as a tree it takes 20 times as much memory
_ZIP_SUFFIXES = (".docx", ".odt", ".epub")
_HTML_SUFFIXES = (".html", ".htm", ".xhtml")
DOCUMENT_SUFFIXES = (*_HTML_SUFFIXES, *_ZIP_SUFFIXES, *SUBTITLE_FORMATS)
SUBTITLES = "subtitle"
_OFFICE_SUFFIXES = (*_ZIP_SUFFIXES, ".doc")
_MARKUP_SUFFIXES = (*_HTML_SUFFIXES, *_OFFICE_SUFFIXES)  # websites save pages by the names of other documents too
_FIRST_TAGS = (
    rb"html|head|body|title|meta|link|base|script|style|p|div|span|h[1-6]|a|b|i|em|strong|font|center|img|br|hr|table|"
    rb"ul|ol|dl|pre|blockquote|article|section|main|header|footer|nav|aside|figure|form"
)
_HTML_START = re.compile(
    # Atomic, for there are exponentially many ways to divide a row of comments.
    rb"\s*+(?><\?xml[^>]*+>\s*)?+(?><!--.*?-->\s*)*+<(!doctype\s+html|" + _FIRST_TAGS + rb")\b",
    re.I | re.S,
)
_END_TAG = re.compile(rb"</[a-z]", re.I)
_HTML_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.I)
_WHATWG = {"iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}
"""Encodings that browsers read under another name (WHATWG Encoding Standard, section 4.2)."""
_BLOCK_TAGS = (
    "dl", "dt", "dd", "details", "summary", "option", "section", "form", "fieldset", "legend", "center"
)  # fmt: skip
_READING_TAGS = ("rt", "rp", "rtc")  # the reading above a word, as in Japanese: it is no part of the sentence
_DOCX_MAIN_PART = re.compile(r"word/document\d*\.xml")  # with a number by Word in a browser
_DOCX_WRAPPERS = ("fldSimple", "bdo", "dir", "ruby", "rubyBase")
_ODT_LEFT_OUT = (
    "comment", "annotation", "tracked-changes", "table-of-content", "sequence-decls", "ruby-text", "note-citation"
)  # fmt: skip
_CONVERT_YOURSELF = "convert it to text yourself, or divide it"
_ADVICE = f"install the libraries that read it: pip install {requirement('documents')}"


class _RefusedError(Exception):
    """A document that is not read; the message is a clause to follow its name."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.hint = hint


def document_type(path: Path, start: bytes) -> str:
    """Return "HTML", "DOCX", "ODT", "EPUB" or "subtitle" for a file that begins with `start`, else an empty string.

    A document that is protected by a password is none of them, since it cannot be read.

    HTML and subtitles must be named so too, since any text may begin with a tag or a number; HTML may have the name of
    another document instead.
    """
    if path.suffix.lower() in SUBTITLE_FORMATS:
        return SUBTITLES if detect_format(start.decode("utf-8", "ignore")) else ""
    if start.startswith(ZIP_START):
        kind = format_of_zip(path)
        return kind if kind in _READERS and not is_protected(path) else ""
    if path.suffix.lower() in _MARKUP_SUFFIXES:
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            start = start.decode("utf-16", "ignore").encode()
        return "HTML" if _HTML_START.match(start.removeprefix(codecs.BOM_UTF8)) else ""
    return ""


def is_misnamed(path: Path, start: bytes) -> bool:
    """Return True for a text, beginning with `start`, that has the name of a document, unless it can be a page's."""
    suffix = path.suffix.lower()
    return bool(start) and (suffix in _OFFICE_SUFFIXES or (suffix in _HTML_SUFFIXES and bool(_END_TAG.search(start))))


def can_convert(kind: str) -> bool:
    """Return True if the libraries that read a kind of document are installed; subtitles need none."""
    return kind == SUBTITLES or not missing_modules("documents")


def text_of_document(path: Path, kind: str, encoding: str, name: str = "") -> str:
    """Return the text of a document.

    Args:
        path: the file.
        kind: a result of `document_type`.
        encoding: the encoding of HTML and subtitles; for UTF-8, the default, the own declaration of HTML counts where
            it is not UTF-8.
        name: what the user calls the file, for messages; by default its path.

    Raises `CorpusError` if the extra is not installed or the file is damaged, encrypted or too large.
    """
    name = name or str(path)
    if not can_convert(kind):
        title = "an HTML page" if kind == "HTML" else ZIP_TYPES[kind].title
        piped = f", or train on its tags: rnntui train - < {shell_quote(name)}" if name == str(path) else ""
        raise CorpusError(f"{name} is {title}", hint=_ADVICE + piped * (kind == "HTML"))
    try:
        if kind == SUBTITLES:
            text = _subtitle_text(path, encoding)
        elif kind == "HTML":
            _check_text_size(path.stat().st_size)
            text = _html_text(_decoded_html(read_bounded(path, _MAX_TEXT_BYTES), encoding))
        else:
            with zipfile.ZipFile(path) as archive:
                if sum(member.file_size for member in archive.infolist()) > _MAX_BYTES:
                    raise _RefusedError(f"is larger than {_MAX_BYTES >> 20} MiB when decompressed", _CONVERT_YOURSELF)
                parts = [part for part in archive.infolist() if part.filename.lower().endswith(".xml")]
                _check_text_size(max((part.file_size for part in parts), default=0))
            text = _READERS[kind](path)
    except MemoryError:
        raise
    except _RefusedError as error:
        raise CorpusError(f"{name} {error}", hint=error.hint) from error
    except Exception as error:  # the libraries raise whatever a damaged file leads them to
        raise CorpusError(f"{name} cannot be read as {kind}: {str(error) or type(error).__name__}") from error
    text = text.translate(INVISIBLE)
    if kind != SUBTITLES:
        text = re.sub("\n{3,}", "\n\n", "\n".join(map(str.rstrip, text.split("\n"))))
    return text.strip() + "\n" if text.strip() else ""


def _check_text_size(size: int) -> None:
    if size > _MAX_TEXT_BYTES:
        raise _RefusedError(
            f"has {size / (1 << 20):.0f} MiB of markup, more than the {_MAX_TEXT_BYTES >> 20} MiB that are read",
            _CONVERT_YOURSELF,
        )


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    _check_text_size(archive.getinfo(name).file_size)
    return archive.read(name)


def _subtitle_text(path: Path, encoding: str) -> str:
    text = read_bounded(path, _MAX_BYTES).decode("utf-8-sig" if is_utf8(encoding) else encoding)
    pieces = parse_subtitles(text, SUBTITLE_FORMATS[path.suffix.lower()])
    return "\n".join(piece.text for piece in pieces if isinstance(piece, SubtitleText) and piece.text)


def _decoded_html(data: bytes, encoding: str) -> str:
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(name, "replace")
    if not is_utf8(encoding):
        return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        declared = _HTML_CHARSET.search(data[:4096])
        try:
            name = codecs.lookup(declared[1].decode()).name if declared else "cp1252"
        except LookupError:
            name = "cp1252"
        return data.decode(_WHATWG.get(name, name), "replace")


def _html_text(html: str) -> str:
    from inscriptis import get_text
    from inscriptis.css_profiles import STRICT_CSS_PROFILE
    from inscriptis.html_properties import Display
    from inscriptis.model.config import ParserConfig
    from inscriptis.model.html_element import HtmlElement

    # The strict profile is that of browsers: the default one puts a blank between two spans, and indents blocks.
    blocks = {tag: HtmlElement(display=Display.block) for tag in _BLOCK_TAGS}
    left_out = dict.fromkeys(("template", *_READING_TAGS), HtmlElement(display=Display.none))
    css = {**STRICT_CSS_PROFILE, **blocks, **left_out}
    text: str = get_text(html, ParserConfig(css=css))
    return text.replace("\u00a0", " ")


def _docx_text(path: Path) -> str:
    import mammoth

    # Not its raw text, in which the lines of a paragraph run into one another. Images would become base64 in the HTML.
    without_images = mammoth.images.img_element(lambda image: {})
    return _html_text(mammoth.convert_to_html(_without_wrappers(path), convert_image=without_images).value)


def _without_wrappers(path: Path) -> io.BytesIO:
    """Return a DOCX document without the elements that mammoth leaves out together with the text in them.

    These are simple fields and text of a set direction; of words with a reading above them, the reading goes.
    """
    from lxml import etree

    output = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(output, "w") as copy:
        for member in archive.infolist():
            data = archive.read(member)
            if _DOCX_MAIN_PART.fullmatch(member.filename):
                root = _parsed(data)
                for reading in list(root.iter("{*}rt")):
                    reading.getparent().remove(reading)
                namespace = etree.QName(root).namespace
                etree.strip_tags(root, *(f"{{{namespace}}}{name}" for name in _DOCX_WRAPPERS))
                for word in [run for run in root.iter(f"{{{namespace}}}r") if run.getparent().tag == run.tag]:
                    etree.strip_tags(word.getparent(), word.tag)  # a run within that of the word with its reading
                data = etree.tostring(root)
            copy.writestr(member, data)
    return output


def _parsed(data: bytes) -> Any:
    from lxml import etree

    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))


def _epub_text(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        package = next(_parsed(_part(archive, "META-INF/container.xml")).iter("{*}rootfile")).get("full-path")
        root, folder = _parsed(_part(archive, package)), posixpath.dirname(package)
        files = {item.get("id"): unquote(item.get("href")) for item in root.iter("{*}item")}
        order = [files[item.get("idref")] for item in root.iter("{*}itemref")]
        parts = dict.fromkeys(posixpath.normpath(posixpath.join(folder, file)) for file in order)
        if "META-INF/encryption.xml" in archive.namelist():
            references = _parsed(_part(archive, "META-INF/encryption.xml")).iter("{*}CipherReference")
            if parts.keys() & {unquote(reference.get("URI")) for reference in references}:
                raise _RefusedError("is encrypted", "name a copy without copy protection")
        texts = [_html_text(_decoded_html(_part(archive, part), "utf-8")).strip() for part in parts]
    return "\n\n".join(text for text in texts if text)


def _odt_text(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        root = _parsed(_part(archive, "content.xml"))
    return _odt_element(next(root.iter("{*}body")), None)


def _odt_element(element: Any, nested: list[str] | None) -> str:
    """Return the text of an OpenDocument element; a blank line follows each paragraph and heading.

    Within a paragraph, `nested` gets the paragraphs in it, such as those of a note, which follow it; else it is None.
    """
    name = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else "comment"
    if name in _ODT_LEFT_OUT:
        return ""
    if name == "s":
        return " " * min(int(next(iter(element.attrib.values()), "1")), 1000)
    if name in ("tab", "line-break"):
        return "\t" if name == "tab" else "\n"
    is_paragraph = name in ("p", "h")
    inner: list[str] | None = [] if is_paragraph else nested
    inside = inner is not None  # elsewhere, white space between elements is layout of the XML
    text = re.sub(r"\s+", " ", element.text or "") if inside else ""
    for child in element:
        text += _odt_element(child, inner)
        text += re.sub(r"\s+", " ", child.tail or "") if inside else ""
    if not is_paragraph:
        return text
    paragraphs = f"{text.strip()}\n\n" + "".join(inner or ())
    if nested is None:
        return paragraphs
    nested.append(paragraphs)
    return ""


_READERS: dict[str, Callable[[Path], str]] = {"DOCX": _docx_text, "ODT": _odt_text, "EPUB": _epub_text}
