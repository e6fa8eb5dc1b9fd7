#!/usr/bin/env bash
# translate-toolkit 3.20.4, lxml 6.1.3, Python 3.11
#
# Guess: a memory in three languages, opened as any file is (factory.getobject) or with its source language, has the same
#   target language in each unit, or none until one is named.
# Seen: the target of a unit is the first of its segments that is not the source, whatever its language, so that French and
#   Spanish are mixed according to the order in which a tool wrote them. Units without the source language have a target
#   all the same. With both languages named, each unit has the target asked for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check translate-toolkit==3.20.4 lxml==6.1.3
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import tempfile
from pathlib import Path

from translate.storage import factory, tmx

UNITS = (
    (("en", "cat"), ("fr", "chat"), ("es", "gato")),
    (("en", "dog"), ("es", "perro"), ("fr", "chien")),
    (("es", "casa"), ("en", "house"), ("fr", "maison")),
    (("es", "libro"), ("fr", "livre")),
)


def segment(language, text):
    return f'<tuv xml:lang="{language}"><seg>{text}</seg></tuv>'


body = "".join(f"<tu>{''.join(segment(*pair) for pair in unit)}</tu>" for unit in UNITS)
header = (
    '<header srclang="en" adminlang="en" segtype="sentence" datatype="plaintext" o-tmf="none" creationtool="none"'
    ' creationtoolversion="1"/>'
)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "memory.tmx")
    path.write_text(f'<?xml version="1.0"?><tmx version="1.4">{header}<body>{body}</body></tmx>', "utf-8")
    stores = {"no language": factory.getobject(str(path))}
    for languages in (("en",), ("en", "fr")):
        with path.open("rb") as file:
            stores[" and ".join(languages)] = tmx.tmxfile(file, *languages)
targets = {name: [str(unit.target) for unit in store.units] for name, store in stores.items()}
print(*(f"{name}: {found}" for name, found in targets.items()), sep="\n")
MIXED = ["chat", "perro", "casa", "livre"]
FRENCH = ["chat", "chien", "maison", "livre"]
sources = [unit.source for unit in stores["en"].units]
print("sources:", sources)
sys.exit([*targets.values()] != [MIXED, MIXED, FRENCH] or sources != ["cat", "dog", "house", None])
PYTHON
