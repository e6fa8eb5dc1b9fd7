"""The locked requirements: everything that is installed, in the versions of constraints.txt, with hashes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNLOCKED = {"rnntui", "torch"}
ON_REQUEST = {"mutmut", "libcst", "setproctitle"}  # what make mutants installs
STALE = "run: make lock"


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    """The versions of a requirements file by package."""
    return {normalized(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)}


def direct(extra: str) -> set[str]:
    """The packages that rnntui and an extra of it name, those of extras within it included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names: set[str] = set()
    for requirement in [*project["dependencies"], *project["optional-dependencies"].get(extra, ())]:
        extras = re.match(r"rnntui\[(.*)\]", requirement)
        names |= {name for each in extras[1].split(",") for name in direct(each)} if extras else set()
        names.add(normalized(re.match(r"[\w.-]+", requirement)[0]))  # type: ignore[index]
    return names - UNLOCKED


@pytest.mark.parametrize("name", ["app", "serve", "train", "dev"])
def test_the_locked_requirements_are_those_of_the_project(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    constraints = pins((ROOT / "constraints.txt").read_text("utf-8"))
    locked = pins(text)
    assert locked.items() <= constraints.items(), STALE
    assert direct("" if name == "app" else name) | {"hatchling", "editables"} <= locked.keys(), STALE
    packages = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert len(packages) == len(locked) and all("--hash=sha256:" in package for package in packages)
    lines = [
        line for line in text.splitlines() if not re.match(r"#|[\w.-]+==|    --hash=sha256:[0-9a-f]{64}( \\)?$", line)
    ]
    assert lines == [] and "://" not in text, "nothing but packages and hashes; no place to get them from"


def test_every_constraint_is_of_a_package_that_is_locked() -> None:
    constraints = pins((ROOT / "constraints.txt").read_text("utf-8"))
    assert (
        constraints.keys() - UNLOCKED - ON_REQUEST
        == pins((ROOT / "requirements" / "dev.txt").read_text("utf-8")).keys()
    ), STALE


def test_an_image_downloads_nothing_without_a_hash_but_torch() -> None:
    """Every installation of the Dockerfile asks for hashes, or is that of the wheel, which downloads torch alone."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    steps = re.findall(r"pip install ((?:[^\n&;\\]|\\\n)*)", re.sub(r"^#.*", "", text, flags=re.MULTILINE))
    *locked, wheel = steps
    assert len(locked) == 2 and all("--no-deps --require-hashes -r" in step for step in locked)
    assert "$index" in wheel and 'case ",$EXTRAS," in *,train,*) index= ;; *) index=--no-index ;; esac' in text
    (extras,) = re.findall(r"^ARG EXTRAS=(.*)", text, re.MULTILINE)
    assert all((ROOT / "requirements" / f"{name}.txt").is_file() for name in ("app", *extras.split(","), "train"))
    assert "!requirements" in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
