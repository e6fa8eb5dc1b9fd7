"""Licences of libraries, models and corpora."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rnntui.errors import RunError
from rnntui.runs import licenses
from rnntui.runs.folder import RunFolder
from rnntui.runs.licenses import UNKNOWN, LicenseRecord, corpus_licenses, library_licenses, model_licenses
from rnntui.runs.lookup import SHIPPED, shipped_runs

CORPORA = Path(__file__).resolve().parents[2] / "corpora"


def make_package(folder: Path, name: str, *fields: str, text: str = "") -> None:
    """Install a package without modules: its metadata, and a licence text if there is one."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    metadata = ["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *fields]
    (info / "METADATA").write_text("\n".join(metadata) + "\n", encoding="utf-8")
    (info / "RECORD").write_text(f"{info.name}/LICENSE.txt,,\n" if text else "", encoding="utf-8")
    if text:
        (info / "LICENSE.txt").write_text(text, encoding="utf-8")


def test_the_libraries_are_those_that_a_command_can_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = ("Needs_A>=1", "needs.b; extra == 'train'", "needs-dev; extra == 'dev'", "missing-here>=2")
    make_package(tmp_path, "rnntui", "License-Expression: MIT", *(f"Requires-Dist: {need}" for need in needs))
    classifiers = ("Classifier: License :: OSI Approved", "Classifier: License :: OSI Approved :: MIT License")
    classifiers += ("Classifier: License :: OSI Approved :: ISC License",)
    make_package(tmp_path, "needs_a", *classifiers, "License: see the file", "Requires-Dist: needs-c", text="free")
    make_package(
        tmp_path, "needs_b", "License: ISC", "Requires-Dist: needs-a", "Project-URL: Home, https://b.example/?a,b"
    )
    make_package(tmp_path, "needs_c", f"License: {'a long licence text ' * 9}", "Requires-Dist: x; extra == 'train'")
    make_package(tmp_path, "needs_dev", "License: proprietary")
    make_package(tmp_path, "x", "License: proprietary")
    monkeypatch.syspath_prepend(str(tmp_path))
    records = library_licenses()
    assert [(record.name, record.version, record.license) for record in records] == [
        ("rnntui", "1.0", "MIT"), ("needs_a", "1.0", "MIT License, ISC License"),
        ("needs_b", "1.0", "ISC"), ("needs_c", "1.0", UNKNOWN),
    ]  # fmt: skip
    assert records[2].source == "https://b.example/?a,b" and {record.kind for record in records} == {"library"}
    assert [Path(file).read_text("utf-8") for record in records for file in record.files] == ["free"]


def test_without_an_installed_package_no_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licenses, "PACKAGE", "rnntui-is-not-installed")
    assert library_licenses() == []


def test_every_corpus_has_the_licence_that_its_readme_names() -> None:
    readme = (CORPORA / "README.md").read_text("utf-8")
    records = corpus_licenses()
    texts = {path.name for path in CORPORA.iterdir() if path.suffix in (".txt", ".tsv")}
    assert {record.name for record in records} == texts and {record.kind for record in records} == {"corpus"}
    for record in records:
        [row] = [line for line in readme.splitlines() if line.startswith(f"| `{record.name}`")]
        assert record.license in row and record.source and record.notice is not None, record.name
        assert record.notice or record.license == "public domain"
        assert all(Path(file).is_file() for file in record.files)
    named = {Path(file).name for record in records for file in record.files}
    assert named == {path.name for path in (CORPORA / "licences").iterdir()}


def test_every_shipped_model_has_the_licences_of_its_corpora() -> None:
    of_corpora = json.loads((CORPORA / "licenses.json").read_text("utf-8"))
    for run in shipped_runs():
        corpora = json.loads(run.license_file.read_text("utf-8"))["corpora"]
        assert [f"corpora/{name}" for name in corpora] == list(run.read_config().corpus.sources)
        for name, fields in corpora.items():
            assert fields == {key: value for key, value in of_corpora[name].items() if key != "files"}
    records = {record.name: record for record in model_licenses()}
    assert list(records) == list(SHIPPED) and {record.kind for record in records.values()} == {"model"}
    assert "CC-BY" in records["en-es"].source and "must name the authors" in records["en-es"].notice


@pytest.mark.parametrize(("length", "is_named"), [(licenses._MAX_LICENSE, True), (licenses._MAX_LICENSE + 1, False)])
def test_a_licence_of_a_line_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int, is_named: bool
) -> None:
    make_package(tmp_path, "rnntui", f"License: {'x' * length}")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert library_licenses()[0].license == ("x" * length if is_named else UNKNOWN)


def test_a_model_names_its_corpora_and_what_they_ask_for(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    corpora = {
        "a.txt": {"license": "CC0", "source": "A"},
        "b.txt": {"license": "CC-BY", "source": "B", "notice": "Name B."},
        "c.txt": {"license": "MIT", "source": "C", "notice": "Name C."},
        "d.txt": {"license": "MIT", "source": "D", "notice": "Name B."},
    }
    run.license_file.write_text(json.dumps({"license": "CC-BY", "corpora": corpora}), encoding="utf-8")
    monkeypatch.setattr(licenses, "shipped_runs", lambda: [run])
    source = "trained on a.txt (CC0); b.txt (CC-BY); c.txt (MIT); d.txt (MIT)"
    assert model_licenses() == [LicenseRecord("model", run.name, "CC-BY", "", source, "Name B. Name C.")]


def test_a_file_that_cannot_be_read_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / licenses.CORPORA_FILE).write_text("{", encoding="utf-8")
    monkeypatch.setattr(licenses, "shipped_folder", lambda: tmp_path / "checkpoints")
    with pytest.raises(RunError, match=r"licenses\.json: cannot be read"):
        corpus_licenses()
