"""States of texts on disk: going on as if nothing had happened, and files that are not what they claim."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_runs import NGRAMS, TWO_LAYERS, make_run, subwords, word_tokenizer

from rnntui.config_generation import SamplingConfig
from rnntui.errors import RunError, UsageError
from rnntui.inference.generate import Generation, begin_generation, generate_tokens, generators_from
from rnntui.inference.loaded_model import LoadedLanguageModel, load_language_model
from rnntui.inference.text_state import TextState, load_text_state, save_text_state
from rnntui.inference.text_stream import stream_after
from rnntui.runs.fingerprint import run_fingerprint
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import load_arrays, save_arrays

SAMPLING = SamplingConfig(repetition_penalty=1.5)


def begin(loaded: LoadedLanguageModel, batch: int = 1) -> Generation:
    generation = begin_generation(loaded.network, loaded.tokenizer, generators_from(3, batch))
    generation.feed(np.array(loaded.tokenizer.encode("the old man"), dtype=np.int64))
    return generation


def ids_of(generation: Generation, count: int) -> list[int]:
    return [step[0].id for step in generate_tokens(generation, SAMPLING, count)]


@pytest.mark.parametrize(
    ("model", "tokenizer"),
    [(TWO_LAYERS, None), (NGRAMS, None), (TWO_LAYERS, subwords()), (TWO_LAYERS, word_tokenizer())],
)
def test_a_text_goes_on_from_a_file_as_if_it_had_never_stopped(tmp_path: Path, model, tokenizer) -> None:
    run = make_run(tmp_path, "tiny", model=model, tokenizer=tokenizer)
    loaded = load_language_model(run)
    whole = begin(loaded)
    expected = ids_of(whole, 40)
    first = begin(loaded)
    ids = ids_of(first, 17)
    save_text_state(tmp_path / "a.state", TextState.of(first), run)
    later = load_language_model(run)
    generation = begin_generation(later.network, later.tokenizer, generators_from(99, 1))
    load_text_state(tmp_path / "a.state", run_fingerprint(run), later).restore(generation)
    assert ids + ids_of(generation, 23) == expected
    tokenizer = loaded.tokenizer
    whole_stream, later_stream = tokenizer.stream(), stream_after(tokenizer, [*tokenizer.encode("the old man"), *ids])
    text = "".join(map(whole_stream.push, [*tokenizer.encode("the old man"), *expected]))
    assert text.endswith("".join(map(later_stream.push, expected[17:])))


def test_a_state_begins_several_texts_with_seeds_of_their_own(tmp_path: Path) -> None:
    loaded = load_language_model(make_run(tmp_path, "tiny"))
    state = TextState.of(begin(loaded))
    generation = begin_generation(loaded.network, loaded.tokenizer, generators_from(5, 3))
    state.restore(generation, restores_generator=False)
    assert generation.state.shape[2] == 3
    alone = begin_generation(loaded.network, loaded.tokenizer, generators_from(6, 1))
    state.restore(alone, restores_generator=False)
    second = [step[1].id for step in generate_tokens(generation, SAMPLING, 20)]
    assert second == ids_of(alone, 20)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, RunFolder, LoadedLanguageModel]:
    run = make_run(tmp_path, "tiny", model=NGRAMS)
    loaded = load_language_model(run)
    save_text_state(tmp_path / "a.state", TextState.of(begin(loaded)), run)
    return tmp_path / "a.state", run, loaded


@pytest.mark.parametrize(
    ("arrays", "metadata", "problem"),
    [
        ({"state": np.zeros((1, 2, 1, 18), np.float64)}, {}, r"its state is float64"),
        ({"state": np.zeros((1, 2, 1, 17), np.float32)}, {}, r"its state is float32 \(1, 2, 1, 17\), not"),
        ({"state": np.full((1, 2, 1, 18), np.nan, np.float32)}, {}, r"numbers that no model has"),
        ({"state": np.full((1, 2, 1, 18), 0.5, np.float32)}, {}, r"numbers that no model has"),  # no token of a history
        ({"recent": np.array([0, 999], np.int32)}, {}, r"recent tokens are not in the vocabulary"),
        ({"recent": np.array([-1], np.int32)}, {}, r"recent tokens are not in the vocabulary"),
        ({"recent": np.zeros((2, 2), np.int32)}, {}, r"recent tokens are not a list"),
        ({"recent": np.zeros(3, np.float32)}, {}, r"recent tokens are not a list"),
        ({"more": np.zeros(3, np.float32)}, {}, r"it has the format"),
        ({}, {"format": "else"}, r"it has the format 'else'"),
        ({}, {"generator": "-1"}, r"random generator is no number"),
        ({}, {"generator": str(1 << 64)}, r"random generator is no number"),
        (
            {},
            {"fingerprint": "0" * 64},
            r"is a state of another model, 'tiny', or of other weights of it; name the run",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said(saved, arrays, metadata, problem: str) -> None:
    path, run, loaded = saved
    old_arrays, old_metadata = load_arrays(path)
    save_arrays(path, old_arrays | arrays, old_metadata | metadata)
    with pytest.raises(RunError, match=problem):
        load_text_state(path, run_fingerprint(run), loaded)


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"x" * (1 << 21)])
def test_any_other_file_is_refused(saved, content: bytes) -> None:
    path, run, loaded = saved
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"a\.state is not a state that this model can go on from: .*; name a file"):
        load_text_state(path, run_fingerprint(run), loaded)


def test_a_state_of_other_weights_is_refused(saved) -> None:
    path, run, loaded = saved
    arrays, metadata = load_arrays(run.weights_file)
    save_arrays(run.weights_file, {name: array * 1.01 for name, array in arrays.items()}, metadata)
    with pytest.raises(RunError, match="or of other weights"):
        load_text_state(path, run_fingerprint(run), loaded)
    path.unlink()
    with pytest.raises(UsageError, match="no such file; check the name"):
        load_text_state(path, run_fingerprint(run), loaded)


def test_a_state_is_the_same_whatever_is_generated_after_it(saved) -> None:
    _, _, loaded = saved
    generation = begin(loaded)
    state = TextState.of(generation)
    expected = ids_of(generation, 30)
    for _ in range(2):
        state.restore(generation)
        assert ids_of(generation, 30) == expected
