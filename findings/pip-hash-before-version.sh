#!/usr/bin/env bash
# pip 26.1, Python 3.11
#
# Guess: where a requirement allows the hashes of two builds, demo 1.0 and demo 1.0+cpu, pip installs the one that it
#   installs without hashes, 1.0+cpu: a local version is newer than the same version without.
# Seen: it installs 1.0 if only the page that has this one tells its hash. A hash that is known before the download counts
#   more than the version. Hashes of all builds of a pinned version, which were added to allow whichever is there, so
#   change which is installed: of torch, the GPU build with gigabytes of libraries instead of the CPU build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pip==26.1
mkdir "$folder/page" "$folder/wheels"
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import hashlib
import sys
import zipfile
from pathlib import Path

folder = Path(sys.argv[1])
hashes = []
for version, place in (("1.0", "page"), ("1.0+cpu", "wheels")):
    path = folder / place / f"demo-{version}-py3-none-any.whl"
    info = f"demo-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: demo\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    hashes.append(hashlib.sha256(path.read_bytes()).hexdigest())
name = "demo-1.0-py3-none-any.whl"
(folder / "page" / "index.html").write_text(f'<a href="{name}#sha256={hashes[0]}">{name}</a>')
(folder / "hashed.txt").write_text("demo==1.0 " + " ".join(f"--hash=sha256:{value}" for value in hashes))
(folder / "plain.txt").write_text("demo==1.0")
PYTHON
pip=("$folder/venv/bin/pip" --disable-pip-version-check --isolated)
for requirements in plain hashed; do
    "${pip[@]}" install -q --no-index --find-links "$folder/page/index.html" --find-links "$folder/wheels" \
        --force-reinstall -r "$folder/$requirements.txt"
    "${pip[@]}" list --format freeze | grep '^demo==' | tee "$folder/$requirements.seen"
done
[ "$(cat "$folder/plain.seen")" = "demo==1.0+cpu" ]
[ "$(cat "$folder/hashed.seen")" = "demo==1.0" ]
