#!/usr/bin/env bash
# odfpy 1.4.1, defusedxml 0.7.1, Python 3.11
#
# Guess: the paragraphs of an OpenDocument text (getElementsByType(P), then teletype.extractText, as examples on the web
#   read them) are those that a reader sees. Text that was deleted while changes were recorded is not among them, and
#   neither are comments.
# Seen: deleted text is a paragraph of its own, before all others. A comment stands amid the sentence that it is about, with
#   its author and its time, and again as a paragraph; so does a footnote, run on behind its number and the last word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check odfpy==1.4.1 defusedxml==0.7.1
cat > "$folder/look.py" <<'PYTHON'
import sys
import zipfile

from odf import teletype
from odf.opendocument import load
from odf.text import P

NAMESPACE = "urn:oasis:names:tc:opendocument:xmlns:"
MANIFEST = f"""<m:manifest xmlns:m="{NAMESPACE}manifest:1.0" m:version="1.3">
<m:file-entry m:full-path="/" m:media-type="application/vnd.oasis.opendocument.text"/>
<m:file-entry m:full-path="content.xml" m:media-type="text/xml"/></m:manifest>"""
CONTENT = f"""<office:document-content xmlns:office="{NAMESPACE}office:1.0" xmlns:text="{NAMESPACE}text:1.0"
 xmlns:dc="http://purl.org/dc/elements/1.1/" office:version="1.3"><office:body><office:text>
<text:tracked-changes><text:changed-region text:id="c1"><text:deletion><office:change-info><dc:creator>Ann</dc:creator>
<dc:date>2026-01-02T03:04:05</dc:date></office:change-info><text:p>foolish </text:p></text:deletion></text:changed-region>
</text:tracked-changes>
<text:p>A <text:change text:change-id="c1"/>man of fortune<text:note text:id="n1" text:note-class="footnote">
<text:note-citation>1</text:note-citation><text:note-body><text:p>Or of none.</text:p></text:note-body></text:note> must
 want<office:annotation><dc:creator>Ben</dc:creator><dc:date>2026-01-02T03:04:05</dc:date><text:p>Must he?</text:p>
</office:annotation> a wife.</text:p></office:text></office:body></office:document-content>"""

with zipfile.ZipFile(sys.argv[1], "w") as archive:
    archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
    archive.writestr("content.xml", CONTENT.replace("\n", ""))
    archive.writestr("META-INF/manifest.xml", MANIFEST)
paragraphs = [teletype.extractText(paragraph) for paragraph in load(sys.argv[1]).getElementsByType(P)]
print(*paragraphs, sep="\n")
EXPECTED = [
    "foolish ",
    "A man of fortune1Or of none. must wantBen2026-01-02T03:04:05Must he? a wife.",
    "Or of none.",
    "Must he?",
]
sys.exit(paragraphs != EXPECTED)
PYTHON
"$folder/venv/bin/python" "$folder/look.py" "$folder/document.odt"
