#!/usr/bin/env bash
# python-docx 1.2.0, lxml 6.1.3, Python 3.11
#
# Guess: Paragraph.text is "the textual content of this paragraph": where a word was replaced while changes were recorded,
#   the new one; a word that Word marked as the name of a place, or that is in a form's field, is among the rest.
# Seen: text in w:ins, w:smartTag and w:sdt is missing, so that of a replaced word neither is left, and the sentence closes up
#   around the gap. A paragraph in a w:sdt of its own is not among Document.paragraphs. Hidden text is kept.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check python-docx==1.2.0 lxml==6.1.3
"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

import docx
from docx.oxml import parse_xml

NAMESPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
WHO = 'w:id="1" w:author="Ann" w:date="2026-01-02T03:04:05Z"'


def run(text, properties=""):
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraphs(element):
    """Return the texts of a document that is written and read again."""
    document, file = docx.Document(), io.BytesIO()
    document.element.body.insert(0, parse_xml(element.replace(">", f" {NAMESPACE}>", 1)))
    document.save(file)
    return [paragraph.text for paragraph in docx.Document(file).paragraphs]


deleted = f"<w:del {WHO}><w:r><w:delText>worst</w:delText></w:r></w:del>"
place = f'<w:smartTag w:uri="urn:schemas-microsoft-com:office:smarttags" w:element="City">{run("Paris")}</w:smartTag>'
CASES = {
    "replaced word": (run("It was the ") + deleted + f"<w:ins {WHO}>{run('best')}</w:ins>" + run(" of times."),
                      "It was the  of times."),
    "name of a place": (run("I love ") + place + run(" in May."), "I love  in May."),
    "field of a form": (run("Dear ") + f"<w:sdt><w:sdtContent>{run('Ann')}</w:sdtContent></w:sdt>" + run("!"), "Dear !"),
    "hidden": (run("One ") + run("secret ", "<w:vanish/>") + run("word."), "One secret word."),
}  # fmt: skip
same = True
for name, (content, expected) in CASES.items():
    found = paragraphs(f"<w:p>{content}</w:p>")
    print(f"{name}: {found}")
    same &= found == [expected]
found = paragraphs(f"<w:sdt><w:sdtContent><w:p>{run('A paragraph of a form.')}</w:p></w:sdtContent></w:sdt>")
print(f"paragraph of a form: {found}")
sys.exit(not (same and found == []))
PYTHON
