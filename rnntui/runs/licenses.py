"""Licences: of installed libraries by their metadata, of corpora and shipped models by files beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from rnntui.atomic_files import parse_json
from rnntui.errors import RunError
from rnntui.runs.lookup import shipped_folder, shipped_runs

PACKAGE = "rnntui"
UNKNOWN = "unknown"
CORPORA_FILE = "licenses.json"
"""In `corpora/`: the licences of its texts. Shipped models have a file each (`RunFolder.license_file`)."""

_DEVELOPMENT = "dev"  # the extra whose libraries no command uses
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
_LICENSE_FILE = re.compile(r"(licen[cs]e|copying|notice)", re.IGNORECASE)
_MAX_LICENSE = 60  # characters of a licence's name; a longer text is the licence itself


@dataclass(frozen=True)
class LicenseRecord:
    """The licence of a library, a corpus or a model.

    Args:
        kind: what it is.
        name: name of the library or model, or file name of the corpus.
        license: name of the licence, or "unknown".
        version: version of a library, else empty.
        source: where it comes from; of a model, the corpora that it was trained on.
        notice: text that must accompany copies; empty if none beside its licence.
        files: paths of licence texts on this machine.
    """

    kind: Literal["library", "corpus", "model"]
    name: str
    license: str
    version: str = ""
    source: str = ""
    notice: str = ""
    files: tuple[str, ...] = ()


def library_licenses() -> list[LicenseRecord]:
    """Return the licences of rnntui and of all installed libraries that it uses, directly or through others.

    Empty if rnntui runs from a source tree without being installed, as only an installed package names what it needs.
    """
    try:
        records = {PACKAGE: _library(metadata.distribution(PACKAGE))}
    except metadata.PackageNotFoundError:
        return []
    pending = [PACKAGE]
    while pending:
        for name in _requirements(pending.pop()):
            if name not in records:
                try:
                    records[name] = _library(metadata.distribution(name))
                except metadata.PackageNotFoundError:
                    continue
                pending.append(name)
    own = records.pop(PACKAGE)
    return [own, *sorted(records.values(), key=lambda record: record.name.lower())]


def corpus_licenses() -> list[LicenseRecord]:
    """Return the licences of the texts in `corpora/`, which only a source tree has.

    Raises `RunError` if their file cannot be read.
    """
    path = shipped_folder().parent / "corpora" / CORPORA_FILE
    return list(_corpora(_read(path), path.parent)) if path.is_file() else []


def model_licenses() -> list[LicenseRecord]:
    """Return the licences of the shipped models, each followed by those of the corpora that it was trained on.

    Raises `RunError` if a file cannot be read.
    """
    records: list[LicenseRecord] = []
    for run in shipped_runs():
        values = _read(run.license_file)
        corpora = list(_corpora(values["corpora"], None))
        source = "trained on " + "; ".join(f"{one.name} ({one.license})" for one in corpora)
        notices = dict.fromkeys(one.notice for one in corpora if one.notice)
        records.append(LicenseRecord("model", run.name, values["license"], "", source, " ".join(notices)))
    return records


def _read(path: Path) -> dict[str, Any]:
    try:
        values = parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read: {error}", hint="install rnntui again") from error
    assert isinstance(values, dict)
    return values


def _corpora(values: dict[str, Any], folder: Path | None) -> Iterator[LicenseRecord]:
    for name, fields in values.items():
        files = tuple(str(folder / file) for file in fields.get("files", ()) if folder is not None)
        yield LicenseRecord("corpus", name, fields["license"], "", fields["source"], fields.get("notice", ""), files)


def _requirements(name: str) -> Iterator[str]:
    """Yield the normalized names of what a package requires: of rnntui also by its extras, of others without extras."""
    for requirement in metadata.requires(name) or ():
        extra = _EXTRA.search(requirement)
        if extra is None or (name == PACKAGE and extra[1] != _DEVELOPMENT):
            match = _NAME.match(requirement)
            if match is not None:
                yield _normalized(match[0])


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _library(distribution: metadata.Distribution) -> LicenseRecord:
    fields = distribution.metadata
    files = tuple(
        str(distribution.locate_file(file)) for file in distribution.files or () if _LICENSE_FILE.match(file.name)
    )
    home = _field(fields, "Home-page") or next((url.partition(",")[2].strip() for url in _urls(fields)), "")
    return LicenseRecord("library", fields["Name"], _license(fields), fields["Version"], home, files=files)


def _field(fields: metadata.PackageMetadata, name: str) -> str:
    """Return a field that a package may have; empty if it has not."""
    return str((fields.get_all(name) or [""])[0])


def _urls(fields: metadata.PackageMetadata) -> list[str]:
    """Return the labelled URLs of a package, that of its home first."""
    urls = fields.get_all("Project-URL") or []
    return sorted(urls, key=lambda url: not re.match(r"(home|source|repo|git)", url, re.IGNORECASE))


def _license(fields: metadata.PackageMetadata) -> str:
    """Return the SPDX expression of a package, else what its classifiers say, else a short licence field."""
    if expression := _field(fields, "License-Expression"):
        return expression
    classifiers = [c.split(" :: ")[-1] for c in fields.get_all("Classifier") or () if c.startswith("License :: ")]
    named = [name for name in classifiers if name != "OSI Approved"]
    if named:
        return ", ".join(named)
    text = _field(fields, "License").strip()
    return text if text and "\n" not in text and len(text) <= _MAX_LICENSE else UNKNOWN
