#!/usr/bin/env bash
# EbookLib 0.20, lxml 6.1.3, Python 3.11
#
# Guess: get_items_of_type(ITEM_DOCUMENT), the loop of its introduction, gives the chapters of a book as a reader has them,
#   and the table of contents, which has a type of its own (ITEM_NAVIGATION), is not among them.
# Seen: they come in the order of the manifest, which means nothing in EPUB; the order of reading is the spine's. A book that
#   was put together out of order is read so. The table of contents is one of them, so its titles are text once more.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check EbookLib==0.20 lxml==6.1.3
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import tempfile
import warnings
from pathlib import Path

import ebooklib
from ebooklib import epub

warnings.simplefilter("ignore")
book = epub.EpubBook()
book.set_identifier("a-book")
book.set_title("A book")
book.set_language("en")
chapters = {}
for name in ("Second", "First"):
    chapters[name] = epub.EpubHtml(title=name, file_name=f"{name}.xhtml", content=f"<html><body><p>{name}.</p></body></html>")
    book.add_item(chapters[name])
book.toc = [chapters["First"], chapters["Second"]]
book.spine = [chapters["First"], chapters["Second"]]
book.add_item(epub.EpubNcx())
book.add_item(epub.EpubNav())
with tempfile.TemporaryDirectory() as folder:
    path = str(Path(folder, "book.epub"))
    epub.write_epub(path, book)
    read = epub.read_epub(path)
    documents = [item.get_name() for item in read.get_items_of_type(ebooklib.ITEM_DOCUMENT)]
    navigation = [item.get_name() for item in read.get_items_of_type(ebooklib.ITEM_NAVIGATION)]
    spine = [read.get_item_with_id(identifier).get_name() for identifier, _ in read.spine]
print("documents:", documents)
print("navigation:", navigation)
print("spine:", spine)
sys.exit(documents != ["Second.xhtml", "First.xhtml", "nav.xhtml"] or spine != ["First.xhtml", "Second.xhtml"])
PYTHON
