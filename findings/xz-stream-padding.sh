#!/usr/bin/env bash
# lzma of Python 3.11 (standard library), compared with xz of XZ Utils 5.4.1
#
# Guess: LZMAFile, which reads streams one after another, skips the padding that the .xz format allows between and after
#   them (zero bytes, a multiple of four).
# Seen: padding between two streams ends the text silently: the second stream is never read. Padding at the end, legal
#   too, raises EOFError. Nothing is installed, as the module belongs to Python; another version than 3.11 is refused.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
command -v xz > /dev/null || { echo "xz is needed, of the package xz-utils" >&2; exit 1; }
xz --version | head -1
cat > "$folder/look.py" <<'PYTHON'
import io
import lzma
import platform
import subprocess
import sys

if sys.version_info[:2] != (3, 11):
    sys.exit(f"python3 is Python {platform.python_version()}; this was seen with Python 3.11 and says nothing of others")
print(f"Python {platform.python_version()}")
one, two = lzma.compress(b"one "), lzma.compress(b"two ")
CASES = {  # content: exit code of xz -t, what LZMAFile returns
    "two streams": (one + two, 0, "one two "),
    "padding between": (one + bytes(4) + two, 0, "one "),
    "padding at the end": (one + bytes(4), 0, "EOFError"),
}
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
