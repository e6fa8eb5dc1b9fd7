"""The scripts in `findings/`: each with its row in the table, executable, and with pinned packages."""

from __future__ import annotations

import os
import re
from pathlib import Path

FINDINGS = Path(__file__).resolve().parents[2] / "findings"
SCRIPTS = sorted(FINDINGS.glob("*.sh"))
_ROW = re.compile(r"^\| `([\w-]+)` \| \S.* \|$", re.MULTILINE)
_INSTALL = re.compile(r"pip\" install ([^;|>&\n]*)")


def test_every_script_has_its_row_in_alphabetical_order() -> None:
    assert _ROW.findall((FINDINGS / "README.md").read_text("utf-8")) == sorted(path.stem for path in SCRIPTS)


def test_every_script_is_executable_and_removes_its_folder() -> None:
    assert [path.name for path in SCRIPTS if not os.access(path, os.X_OK)] == []
    lines = {"set -euo pipefail", "folder=$(mktemp -d)", "trap 'rm -rf \"$folder\"' EXIT"}
    assert [path.name for path in SCRIPTS if not lines <= set(path.read_text("utf-8").splitlines())] == []


def test_every_script_pins_its_packages_or_names_the_version_of_python() -> None:
    for path in SCRIPTS:
        text = path.read_text("utf-8").replace("\\\n", " ")
        packages = [word for line in _INSTALL.findall(text) for word in line.split() if not word.startswith("-")]
        if packages:
            assert all("==" in package for package in packages), f"{path.name}: {packages}"
        else:
            assert "sys.version_info[:2] != (3, 11)" in text, f"{path.name} installs nothing and takes any Python"
