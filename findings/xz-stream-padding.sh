#!/usr/bin/env bash
# lzma of Python 3.11 (standard library), compared with xz of XZ Utils 5.4.1
#
# Guess: LZMAFile, which reads streams one after another, skips the padding that the .xz format allows between and after
#   them (zero bytes, a multiple of four).
# Seen: padding between two streams ends the text silently: the second stream is never read. Padding at the end, legal
#   too, raises EOFError. Nothing is installed: the module belongs to Python.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
command -v xz > /dev/null
cat > "$folder/look.py" <<'PYTHON'
import io
import lzma
import platform
import subprocess
import sys

one, two = lzma.compress(b"one "), lzma.compress(b"two ")
CASES = {  # content: exit code of xz -t, what LZMAFile returns
    "two streams": (one + two, 0, "one two "),
    "padding between": (one + bytes(4) + two, 0, "one "),
    "padding at the end": (one + bytes(4), 0, "EOFError"),
}
print(f"Python {platform.python_version()}")
same = True
for name, (data, code, expected) in CASES.items():
    xz = subprocess.run(["xz", "-t"], input=data, stderr=subprocess.DEVNULL).returncode
    try:
        text = lzma.LZMAFile(io.BytesIO(data)).read().decode()
    except EOFError:
        text = "EOFError"
    print(f"{name}: xz -t exits with {xz}, LZMAFile gives {text!r}")
    same = same and (xz, text) == (code, expected)
sys.exit(not same)
PYTHON
python3 "$folder/look.py"
