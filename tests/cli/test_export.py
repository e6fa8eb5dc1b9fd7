"""`rnntui export`: what it writes, says and refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tiny_runs import make_run

from rnntui.api_models import TextModel
from rnntui.cli.main import run
from rnntui.runs.lookup import shipped_folder


def test_a_run_is_exported_in_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "runs", "tiny")
    targets = {name: str(tmp_path / name) for name in ("onnx", "int8", "copy", "tiny.py")}
    base = ["export", "tiny", "--checkpoints", str(tmp_path / "runs")]
    forms = ["--onnx", targets["onnx"], "--single-file", targets["tiny.py"], "--copy", targets["copy"]]
    assert run([*base, *forms]) == 0
    output = capsys.readouterr()
    assert output.out == ""
    assert "checked by onnxruntime" in output.err and "lines and" in output.err
    assert run([*base, "--onnx", targets["int8"], "--int8"]) == 0
    assert "bits per character" in capsys.readouterr().err
    assert (Path(targets["int8"]) / "step.onnx").stat().st_size < (Path(targets["onnx"]) / "step.onnx").stat().st_size
    assert run(["sample", "--run", targets["copy"], "--prompt", "a", "--length", "5"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a form"),
        (["--single-file", "new.py", "--int8"], "--int8 goes with --onnx"),
        (["--onnx", "."], ". exists and is not replaced"),
        (["--onnx", ""], "the name of the file is empty"),
        (["--copy", "-"], "--copy - : this is not written to standard output; name a file"),
        (["--onnx", "new", "--text", "notes.txt"], "--text goes with --int8"),
    ],
)
def test_bad_usage_is_refused(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path, "tiny")
    assert run(["export", "tiny", "--checkpoints", str(tmp_path), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_a_copy_without_rare_ngrams_is_smaller_and_its_losses_are_no_longer_those_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = shipped_folder() / "shakespeare"
    copy = tmp_path / "small"
    assert run(["export", "shakespeare", "--copy", str(copy), "--ngram-minimum", "300"]) == 0
    assert "rnntui evaluate measures its own" in capsys.readouterr().err
    small, whole = (folder / "ngrams.safetensors" for folder in (copy, shipped))
    assert small.stat().st_size < whole.stat().st_size / 2
    assert run(["sample", "--run", str(copy), "--prompt", "ROMEO:", "--length", "5"]) == 0
    assert run(["export", "shakespeare", "--onnx", str(tmp_path / "onnx"), "--ngram-minimum", "3"]) == 2
    assert "--ngram-minimum goes with --copy" in capsys.readouterr().err


def test_the_cost_of_integers_is_measured_on_a_text_of_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = make_run(tmp_path, "tiny")
    text = tmp_path / "text.txt"
    text.write_text("the old man and the sea\n" * 60)
    base = ["export", "tiny", "--checkpoints", str(tmp_path), "--int8", "--text", str(text)]
    assert run([*base, "--onnx", str(tmp_path / "onnx")]) == 0
    found = re.search(
        r"8 bits: [+-]\S+ bits per character, (\S+) to (\S+), measured on 1,440 char", capsys.readouterr().err
    )
    assert found is not None
    before = TextModel(tiny, "fp32").score(text.read_text()).bits_per_character
    assert float(found[1]) == pytest.approx(before, abs=2e-3) and abs(float(found[2]) - float(found[1])) < 0.1
    text.write_text(" \n")
    assert run([*base, "--onnx", str(tmp_path / "again")]) == 1
    assert "text.txt is blank" in capsys.readouterr().err and not (tmp_path / "again").exists()


@pytest.mark.parametrize("form", ["--copy", "--onnx", "--tensorboard"])
def test_a_folder_appears_whole_or_not_at_all(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(tmp_path, "tiny")
    write = Path.write_bytes

    def fail(self: Path, data: bytes) -> int:
        if self.name == "README.md":
            raise OSError(28, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", fail)
    for name in ("rnntui.exporting.small_copy.write_status_of_metrics", "rnntui.runs.metrics_log.metrics_rows"):
        monkeypatch.setattr(name, lambda *_: no_space())
    assert run(["export", "tiny", "--checkpoints", str(tmp_path), form, str(tmp_path / "new")]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def no_space() -> None:
    raise OSError(28, "No space left on device")
