"""`inspect step`: the numbers are the model's, the equations hold, and the page loads nothing."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import make_run, subwords

from rnntui.config_language_model import LanguageModelConfig
from rnntui.errors import CorpusError
from rnntui.inference.cell_trace import quantity_names
from rnntui.inference.generate import initial_context_ids
from rnntui.inference.loaded_model import load_language_model
from rnntui.inference.sampling import softmax
from rnntui.inspection.cell_equations import equations_of
from rnntui.inspection.initial_weights import initial_weights
from rnntui.inspection.inspection import InspectionRequest, SteppedInspection
from rnntui.inspection.step_inspection import inspect_step, step_report
from rnntui.inspection.step_page import step_page
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import save_arrays

TEXT = "To be, or not"
CELLS = [("lstm", "tanh"), ("gru", "tanh"), ("rnn", "tanh"), ("rnn", "relu")]


def run_of(folder: Path, cell: str, nonlinearity: str = "tanh", hidden: int = 10) -> RunFolder:
    config = LanguageModelConfig(
        hidden=hidden, embedding=6, layers=2, tied=False, ngrams=1, cell=cell, nonlinearity=nonlinearity
    )  # type: ignore[arg-type]
    run = make_run(folder, "run", model=config)
    weights = initial_weights(config, run.read_config().vocab_size, np.random.default_rng(3))
    save_arrays(run.weights_file, {name: 2 * values for name, values in weights.items()}, {})
    return run


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values.astype(np.float64)))


def rows_of(report: object, width: int) -> list[str]:
    return ["".join(text for text, _ in row) for row in report.rows(width)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_a_step_is_the_models_own(tmp_path: Path, cell: str, nonlinearity: str) -> None:
    run = run_of(tmp_path, cell, nonlinearity)
    loaded = load_language_model(run)
    network = loaded.network
    report = step_report(run, loaded, TEXT)
    context = initial_context_ids(loaded.tokenizer)
    _, state = network.feed(context[:, None], network.initial_state())
    for t, token in enumerate(loaded.tokenizer.encode(TEXT)):
        before, (logits, state) = state, network.step(np.array([token]), state)
        values = report.at(t).to_json()
        assert values["token"] == TEXT[t] and values["text"] == TEXT[: t + 1] and values["step"] == t + 1
        for layer, vectors in enumerate(values["layers"]):
            states = network.cells[0].state_names
            for component, name in enumerate(states):
                np.testing.assert_allclose(vectors[name], before[layer, component, 0], rtol=1e-5, atol=1e-6)
                np.testing.assert_allclose(vectors[f"{name}'"], state[layer, component, 0], rtol=1e-5, atol=1e-6)
            if layer:
                np.testing.assert_allclose(vectors["x"], state[layer - 1, 0, 0], rtol=1e-5, atol=1e-6)
        probabilities = softmax(logits[0])
        expected = sorted(probabilities.tolist(), reverse=True)[:10]
        np.testing.assert_allclose([token["probability"] for token in values["next"]], expected, rtol=1e-4)
        best = int(np.argmax(probabilities))
        assert values["next"][0]["text"] == loaded.tokenizer.token_text(best)


@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_each_vector_is_what_its_equation_says(tmp_path: Path, cell: str, nonlinearity: str) -> None:
    run = run_of(tmp_path, cell, nonlinearity)
    loaded = load_language_model(run)
    steps = step_report(run, loaded, TEXT).steps
    symbols = [equation.symbol for equation in steps.equations]
    assert {symbol.removesuffix("'") for symbol in symbols} - {"x"} == set(quantity_names(loaded.network.cells[0]))
    vectors = {vector.equation.symbol: vector for vector in steps.vectors(1, 5)}
    values = {symbol: vector.values.astype(np.float64) for symbol, vector in vectors.items()}
    if cell == "lstm":
        np.testing.assert_allclose(values["c'"], values["f"] * values["c"] + values["i"] * values["g"], atol=1e-6)
        np.testing.assert_allclose(values["h'"], values["o"] * np.tanh(values["c'"]), atol=1e-6)
    elif cell == "gru":
        np.testing.assert_allclose(values["h'"], (1 - values["z"]) * values["n"] + values["z"] * values["h"], atol=1e-6)
    for vector in vectors.values():
        low, high = {"gate": (0, 1), "signed": (-1, 1), "free": (-np.inf, np.inf)}[vector.equation.range]
        assert low <= vector.values.min() and vector.values.max() <= high and np.abs(vector.levels).max() <= 1


def test_rows_fit_their_width_and_mark_the_token(tmp_path: Path) -> None:
    run = run_of(tmp_path, "lstm", hidden=300)
    report = step_report(run, load_language_model(run), TEXT).at(4)
    for width in (20, 69, 80, 140):
        lines = rows_of(report, width)
        assert max(map(len, lines)) <= width
        assert lines[0][lines[1].index("▲")] == "e"
    lines = rows_of(report, 80)
    assert lines[0] == TEXT and lines[1] == "    ▲  step 5 of 13"
    [forget] = [index for index, line in enumerate(lines) if line.startswith("f  = σ(W_if x")][:1]
    cells = "".join(line[48:].strip() for line in lines[forget : forget + 3])
    assert len(cells) == 75 and set(cells) <= set("▁▂▃▄▅▆▇█")  # four units in a cell
    assert "forget gate: mean 0." in lines[forget + 1]
    assert "The forget gate keeps" in report.summary()[0] and "After “e”" in report.summary()[1]


def test_another_step_is_reached_and_the_ends_are_kept(tmp_path: Path) -> None:
    run = run_of(tmp_path, "gru")
    report = inspect_step(InspectionRequest((run,), TEXT), lambda: False)
    assert isinstance(report, SteppedInspection) and (report.position, report.positions) == (12, 13)
    assert report.at(-3).position == 0 and report.at(99).position == 12 and report.at(3).position == 3
    assert inspect_step(InspectionRequest((run,)), lambda: False).positions > 20  # text that the model drew
    assert "The update gate keeps" in report.summary()[0]


def test_the_page_has_all_steps_loads_nothing_and_escapes_the_text(tmp_path: Path) -> None:
    run = run_of(tmp_path, "lstm")
    text = "a</script><b>\n"
    report = step_report(run, load_language_model(run), text)
    page = step_page(report)
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert page.count("</script>") == 2 and "<b>" not in page and "default-src 'none'" in page
    data = json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)[0])
    assert "".join(data["pieces"]) == text and data["start"] == len(text) - 1
    for layer, entry in enumerate(data["layers"]):
        for vector, series in zip(entry["vectors"], report.steps.layers[layer], strict=True):
            integers = np.frombuffer(base64.b64decode(vector["values"]), dtype="<i2").reshape(-1, vector["size"])
            np.testing.assert_allclose(integers * vector["unit"], series, atol=vector["unit"])
    assert [token for token, _ in data["next"][3]] == [token.text for token in report.steps.next_tokens(3)]


def test_a_long_text_is_read_whole_and_its_last_steps_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(tmp_path, "lstm")
    loaded = load_language_model(run)
    whole = step_report(run, loaded, TEXT).to_json()
    monkeypatch.setattr("rnntui.inspection.cell_step.MAX_STEPS", 4)
    short = step_report(run, loaded, TEXT)
    assert short.positions == 4 and short.at(0).to_json()["step"] == 10
    np.testing.assert_allclose(short.to_json()["layers"][1]["c'"], whole["layers"][1]["c'"], rtol=1e-5)
    monkeypatch.setattr("rnntui.inspection.step_page._ROOM", 1)
    assert '"skipped": 12' in step_page(short)
    with pytest.raises(CorpusError, match="the text is empty"):
        step_report(run, loaded, "")


def test_tokens_of_bytes_and_an_svg(tmp_path: Path) -> None:
    run = make_run(tmp_path, "bytes", tokenizer=subwords())
    report = step_report(run, load_language_model(run), "the sea ♥")
    assert report.positions > 4 and all(rows_of(report.at(step), 80) for step in range(report.positions))
    assert report.svg().count("<rect") > 16 * 8


def test_relu_states_have_no_bounds() -> None:
    assert [equation.range for equation in equations_of("rnn", "relu")] == ["free", "free", "free"]
