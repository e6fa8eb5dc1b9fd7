#!/usr/bin/env bash
# mammoth 1.13.0, Python 3.11
#
# Guess: mammoth drops the layout of a Word document and keeps what a reader sees: a word with its reading above it
#   (ruby, usual in Japanese) as the word alone or with the reading, the last result of a date or cross-reference, and
#   text whose direction is set. Hidden text is left out.
# Seen: a word with a reading is missing altogether, as are simple fields (w:fldSimple), text in w:bdo and w:dir, and
#   formulas; the rest of the sentence closes up around the gap. Fields in their long form are kept. Hidden text is kept.
#   What was left out is only in `messages` ("An unrecognised element was ignored: w:ruby"), beside the result.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check mammoth==1.13.0
cat > "$folder/look.py" <<'PYTHON'
import io
import sys
import zipfile

import mammoth

TYPES = """<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/word/document.xml"
 ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"""
RELATIONSHIPS = """<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Target="word/document.xml"
 Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>"""
DOCUMENT = """<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"
 xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"><w:body><w:p>{}</w:p></w:body></w:document>"""


def converted(paragraph: str) -> str:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("_rels/.rels", RELATIONSHIPS)
        archive.writestr("word/document.xml", DOCUMENT.format(paragraph))
    return mammoth.convert_to_html(file).value


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def field_char(kind: str) -> str:
    return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'


simple_field = f'<w:fldSimple w:instr="DATE">{run("1 May")}</w:fldSimple>'
reading = f"<w:rt>{run('かんじ')}</w:rt><w:rubyBase>{run('漢字')}</w:rubyBase>"
long_field = field_char("begin") + "<w:r><w:instrText>DATE</w:instrText></w:r>" + field_char("separate")
CASES = {
    "ruby": (run("私は") + f"<w:r><w:ruby>{reading}</w:ruby></w:r>" + run("を読む。"), "私はを読む。"),
    "simple field": (run("On ") + simple_field + run(" we left."), "On  we left."),
    "long field": (run("On ") + long_field + run("1 May") + field_char("end") + run(" we left."), "On 1 May we left."),
    "direction": (run("The ") + f'<w:bdo w:val="ltr">{run("word")}</w:bdo>' + run(" ends."), "The  ends."),
    "formula": (run("Let ") + "<m:oMath><m:r><m:t>x=1</m:t></m:r></m:oMath>" + run(" hold."), "Let  hold."),
    "hidden": (run("One ") + run("secret ", "<w:vanish/>") + run("word."), "One secret word."),
}
same = True
for name, (paragraph, expected) in CASES.items():
    html = converted(paragraph)
    print(f"{name}: {html}")
    same = same and html == f"<p>{expected}</p>"
sys.exit(not same)
PYTHON
"$folder/venv/bin/python" "$folder/look.py"
