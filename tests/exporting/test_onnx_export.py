"""Exports of whole runs as ONNX: the programs in their READMEs run as they are, and what is wrong is said."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from classifier_examples import make_classifier_run
from tiny_runs import NGRAMS, make_run, subwords

from rnntui.errors import RnntuiError, UsageError
from rnntui.exporting import onnx_export
from rnntui.exporting.onnx_export import export_onnx
from rnntui.inference.classifier import load_classifier
from rnntui.inference.loaded_model import load_language_model
from rnntui.inference.translator import load_translator
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import load_weights, save_arrays

OLD_RUNS = Path(__file__).resolve().parents[1] / "data" / "format_1"


def run_program(folder: Path, monkeypatch: pytest.MonkeyPatch, *replacement: str) -> dict[str, Any]:
    """Run the program of a README in its folder, and return its variables."""
    [program] = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text("utf-8"), flags=re.DOTALL)
    if replacement:
        assert replacement[0] in program
        program = program.replace(*replacement)
    (folder / "program.py").write_text(program, encoding="utf-8")
    monkeypatch.chdir(folder)
    return runpy.run_path("program.py")


@pytest.mark.parametrize("tokenizer", ["char", "bpe"])
def test_the_program_of_a_language_model_samples(
    tokenizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path, "tiny", model=NGRAMS, tokenizer=None if tokenizer == "char" else subwords())
    result = export_onnx(run, tmp_path / "out")
    assert result.difference is not None and result.difference < 1e-4
    variables = run_program(tmp_path / "out", monkeypatch, "range(200)", "range(30)")
    assert capsys.readouterr().out.strip() == variables["text"].decode("utf-8", "replace").strip() != ""
    loaded = load_language_model(run)
    prompt = "Once " if tokenizer == "char" else "Once upon"
    assert variables["prompt"] == loaded.tokenizer.encode(prompt).tolist()
    text = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "`lengths`" not in text and "integers of 64 bits" in text


def test_the_program_of_a_seq2seq_model_translates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder(OLD_RUNS / "seq2seq")
    assert export_onnx(run, tmp_path / "out").difference is not None
    translate = run_program(tmp_path / "out", monkeypatch)["translate"]
    line = re.findall(r"print\(translate\((.*)\)\)", (tmp_path / "out" / "README.md").read_text("utf-8"))[0]
    ours = load_translator(run, "no")
    ids = ours.encode(eval(line))
    output, state = ours.model.encode([ids])
    tokens = [1]
    while len(tokens) < 101 and tokens[-1] != 2:
        _, state = ours.model.step(np.array(tokens[-1:]), state, output)
        logits = ours.model.logits(state)[0]
        logits[[0, 1, 3]] = -np.inf
        tokens.append(int(logits.argmax()))
    assert translate(eval(line)) == ours.target.decode(tokens).strip()


@pytest.mark.parametrize("ngrams", ["both", "none"])
def test_the_program_of_a_classifier_classifies(
    ngrams: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_classifier_run(tmp_path, "tiny", ["a good day", "a bad day", "one day"], ngrams=ngrams)
    assert export_onnx(run, tmp_path / "out").difference is not None
    assert "`lengths` says" in (tmp_path / "out" / "README.md").read_text("utf-8")
    run_program(tmp_path / "out", monkeypatch, "('a text',)", "('a good day', 'bad')")
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    expected = load_classifier(run).classify(["a good day", "bad"])
    assert [line[1] for line in lines] == [each.label for each in expected]
    np.testing.assert_allclose([float(line[2]) for line in lines], [e.probability for e in expected], atol=2e-4)


def test_a_single_file_describes_itself(tmp_path: Path) -> None:
    run = make_run(tmp_path, "tiny")
    result = export_onnx(run, tmp_path / "tiny.onnx", is_int8=True)
    assert [*result.files] == ["tiny.onnx"] and "bits per character" in result.cost
    session = onnxruntime.InferenceSession(tmp_path / "tiny.onnx")
    description = json.loads(session.get_modelmeta().custom_metadata_map["rnntui"])
    assert description["weights"] == "int8" and [*description["files"]] == ["sequence.onnx"]
    assert description["vocabulary"]["tokens"][1] == "\n"


def test_what_cannot_be_exported_is_refused_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path, "tiny")
    with pytest.raises(UsageError, match=r"several files, encoder\.onnx and decoder_step\.onnx"):
        export_onnx(RunFolder(OLD_RUNS / "seq2seq"), tmp_path / "one.onnx")
    with pytest.raises(UsageError, match="exists and is not replaced"):
        export_onnx(run, run.path)
    monkeypatch.setattr(onnx_export, "TOLERANCE", 0.0)
    with pytest.raises(RnntuiError, match="nothing is written"):
        export_onnx(run, tmp_path / "wrong")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny"]


def test_without_onnxruntime_nothing_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "is_onnxruntime_installed", lambda: False)
    result = export_onnx(make_run(tmp_path, "tiny"), tmp_path / "out")
    assert result.difference is None and (tmp_path / "out" / "step.onnx").exists()


def test_a_check_notices_one_wrong_weight(tmp_path: Path) -> None:
    """The graphs of one run, checked against another."""
    exporters = []
    for name, change in (("right", 0.0), ("wrong", 0.01)):
        run = make_run(tmp_path, name)
        weights = dict(load_weights(run.weights_file))
        weights["rnn.weight_hh_l0"][3, 4] += change
        save_arrays(run.weights_file, weights, {})
        exporters.append(onnx_export.exporter_of(run))
    right, wrong = exporters
    models = {name: onnx_export.encode_model(graph) for name, graph in wrong.graphs(False).items()}
    run_graph = onnx_export.onnxruntime_runner(models)
    assert wrong.largest_difference(run_graph) < 1e-4 < right.largest_difference(run_graph)
