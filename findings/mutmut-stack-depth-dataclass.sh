#!/usr/bin/env bash
# mutmut 3.8.1, pytest 8.4.2, Python 3.11
#
# Guess: max_stack_depth only chooses which tests count for a function, so with a limit that no test reaches, a run ends
#   as it does without one.
# Seen: with any limit, a test fails in which the constructor of a dataclass calls a mutated function: mutmut resolves the
#   file of each frame on the stack, and the __init__ that dataclasses write is in the file "<string>", which is none. The
#   run ends with FileNotFoundError before it has tried a mutant. Without the setting, the mutants are killed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check mutmut==3.8.1 pytest==8.4.2
mkdir -p "$folder/project/shapes" "$folder/project/tests"
cd "$folder/project"
touch shapes/__init__.py
cat > shapes/square.py <<'PYTHON'
from dataclasses import dataclass


def area_of(side):
    return side * side


@dataclass
class Square:
    side: int

    def __post_init__(self):
        self.area = area_of(self.side)
PYTHON
cat > tests/test_square.py <<'PYTHON'
from shapes.square import Square


def test_area():
    assert Square(3).area == 9
PYTHON
settings='[tool.mutmut]\nsource_paths = ["shapes"]\npytest_add_cli_args_test_selection = ["tests"]\n'

printf "$settings" > pyproject.toml
"$folder/venv/bin/mutmut" run --max-children 1 > without.txt 2>&1
echo "without max_stack_depth: $(tr '\r' '\n' < without.txt | grep -c 'mutations/second') run to its end"
grep -q "mutations/second" without.txt
rm -r mutants

printf "$settings"'max_stack_depth = 100\n' > pyproject.toml
code=0
"$folder/venv/bin/mutmut" run --max-children 1 > with.txt 2>&1 || code=$?
echo "with max_stack_depth = 100: exit code $code, $(grep -o "FileNotFoundError.*" with.txt | head -1)"
test "$code" = 1
grep -q "FileNotFoundError.*'<string>'" with.txt
