"""Continuous batching: a text is the same alone and in a crowd, and what is reported about it is true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_runs import NGRAMS, TWO_LAYERS, make_run, subwords

from rnntui.config_generation import SamplingConfig
from rnntui.inference.generate import begin_generation, generate_tokens, generators_from, initial_context_ids
from rnntui.inference.loaded_model import LoadedLanguageModel, load_language_model
from rnntui.inference.scoring import score
from rnntui.serving.api_errors import ApiError
from rnntui.serving.batched_model import BatchedModel
from rnntui.serving.continuous_batch import ContinuousBatch
from rnntui.serving.generation_job import GenerationJob, OutputQueue, Piece


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedLanguageModel:
    return load_language_model(make_run(tmp_path_factory.mktemp("runs"), "letters", model=TWO_LAYERS))


def job(loaded: LoadedLanguageModel, prompt: str, choices: int = 1, **values: object) -> GenerationJob:
    ids = np.concatenate((initial_context_ids(loaded.tokenizer), loaded.tokenizer.encode(prompt)))
    return GenerationJob(prompt=ids, after=prompt, output=OutputQueue(choices), choices=choices, **values)  # type: ignore[arg-type]


async def texts_of(each: GenerationJob) -> list[str]:
    """The texts of a job's choices, whose pieces have all been delivered."""
    texts = [""] * each.choices
    for piece in await pieces_of(each):
        texts[piece.choice] += piece.text
    return texts


async def pieces_of(each: GenerationJob) -> list[Piece]:
    OutputQueue.notify([each.output])
    return [piece async for pieces in each.output.pieces() for piece in pieces]


def finish(batch: ContinuousBatch) -> None:
    while batch.has_work:
        batch.advance()
        batch.deliver()


@pytest.mark.parametrize("kind", ["letters", "subwords"])
async def test_a_seed_gives_the_same_text_alone_and_in_any_crowd(tmp_path: Path, kind: str) -> None:
    model, tokenizer = (NGRAMS, None) if kind == "letters" else (TWO_LAYERS, subwords())
    run = make_run(tmp_path, kind, model=model, tokenizer=tokenizer)
    loaded = load_language_model(run)
    values = {"length": 40, "seed": 7, "is_reproducible": True, "sampling": SamplingConfig(temperature=1.3)}
    alone = job(loaded, "the old man and the sea", **values)
    batch = ContinuousBatch(loaded, 16)
    batch.add(alone)
    finish(batch)
    same, rng = job(loaded, "the old man and the sea", **values), np.random.default_rng(1)
    batch = ContinuousBatch(loaded, 16)
    joins_at = 5
    for step in range(120):
        if step == joins_at:
            batch.add(same)
        if step % 4 == 0 and step < 30:
            settings = SamplingConfig(temperature=1.0 + step % 2, top_k=step % 4, repetition_penalty=1.0 + step % 5)
            crowd = job(loaded, "x" * int(rng.integers(0, 60)), 2, length=int(rng.integers(1, 30)), sampling=settings)
            batch.add(crowd)
        batch.advance()
        batch.deliver()
    assert not batch.has_work
    assert await texts_of(same) == await texts_of(alone)


async def test_a_text_is_that_of_the_same_seed_without_a_server(loaded: LoadedLanguageModel) -> None:
    generation = begin_generation(loaded.network, loaded.tokenizer, generators_from(3, 1))
    generation.feed(loaded.tokenizer.encode("ab"))
    sampling = SamplingConfig(temperature=1.1, top_p=0.9)
    expected = loaded.tokenizer.decode([tokens[0].id for tokens in generate_tokens(generation, sampling, 40)])
    batch, each = ContinuousBatch(loaded, 4), job(loaded, "ab", length=40, seed=3, sampling=sampling)
    batch.add(each)
    finish(batch)
    assert await texts_of(each) == [expected]
    assert each.output.completion_tokens == 40


@pytest.mark.parametrize("window", [64, 400, 700])
async def test_the_repetition_window_reaches_back_into_a_long_prompt(loaded: LoadedLanguageModel, window: int) -> None:
    prompt = "b" + "a" * 600
    sampling = SamplingConfig(temperature=1.5, repetition_penalty=100.0, repetition_window=window)
    generation = begin_generation(loaded.network, loaded.tokenizer, generators_from(3, 1))
    generation.feed(loaded.tokenizer.encode(prompt))
    expected = loaded.tokenizer.decode([tokens[0].id for tokens in generate_tokens(generation, sampling, 60)])
    batch, each = ContinuousBatch(loaded, 4), job(loaded, prompt, length=60, seed=3, sampling=sampling)
    batch.add(each)
    finish(batch)
    assert await texts_of(each) == [expected]


@pytest.mark.parametrize("rows", [2, 4, 32])
def test_a_row_of_the_model_does_not_depend_on_the_others(loaded: LoadedLanguageModel, rows: int) -> None:
    model, rng = BatchedModel(loaded.network, 32), np.random.default_rng(rows)
    state = rng.uniform(-1, 1, loaded.network.initial_state(rows).shape).astype(np.float32)
    tokens = rng.integers(1, 20, (5, rows))
    together, state_together = model.read(tokens, state, exact=True)
    for row in range(rows):
        alone = state[:, :, row : row + 1]
        for step in range(5):
            hidden, alone = model.read(tokens[step : step + 1, row : row + 1], alone, exact=True)
            assert np.array_equal(hidden[0, 0], together[step, row])
        assert np.array_equal(model.logits(hidden[-1], True)[0], model.logits(together[-1], True)[row])
        assert np.array_equal(alone[:, :, 0], state_together[:, :, row])


async def test_choices_have_seeds_of_their_own_and_wait_for_places(loaded: LoadedLanguageModel) -> None:
    batch, many = ContinuousBatch(loaded, 3), job(loaded, "a", 8, length=20, seed=5, is_reproducible=True)
    batch.add(many)
    finish(batch)
    singles = [job(loaded, "a", length=20, seed=5 + choice, is_reproducible=True) for choice in range(8)]
    for single in singles:
        batch.add(single)
    finish(batch)
    texts = await texts_of(many)
    assert texts == [(await texts_of(single))[0] for single in singles]
    assert len(set(texts)) == 8


async def test_stop_strings_end_a_text_and_its_tokens(loaded: LoadedLanguageModel) -> None:
    whole = job(loaded, "a", length=60, seed=2)
    batch = ContinuousBatch(loaded, 4)
    batch.add(whole)
    finish(batch)
    text = (await texts_of(whole))[0]
    stop = text[20:23]
    stopped = job(loaded, "a", length=60, seed=2, stops=("nowhere", stop), alternatives=3)
    batch.add(stopped)
    finish(batch)
    pieces = await pieces_of(stopped)
    assert "".join(piece.text for piece in pieces) == text[: text.index(stop)]
    assert "".join(token.text for piece in pieces for token in piece.tokens) == text[: text.index(stop)]
    assert [piece.finish for piece in pieces][-1] == "stop"


async def test_log_probabilities_are_those_of_scoring(loaded: LoadedLanguageModel) -> None:
    prompt = "the sea was old"
    context, ids = initial_context_ids(loaded.tokenizer), loaded.tokenizer.encode(prompt)
    each = job(loaded, prompt, length=30, seed=1, alternatives=4, scored_from=len(context))
    batch = ContinuousBatch(loaded, 4)
    batch.add(each)
    finish(batch)
    tokens = [token for piece in await pieces_of(each) for token in piece.tokens]
    text = "".join(token.text for token in tokens)
    assert text.startswith(prompt) and len(tokens) == len(ids) + 30
    expected = score(loaded.network, context, loaded.tokenizer.encode(text), len(text)).log_probability
    assert sum(token.log_probability for token in tokens) == pytest.approx(expected, rel=1e-4)
    for token in tokens:
        chances = [other.log_probability for other in token.alternatives]
        assert len(chances) == 4 and chances == sorted(chances, reverse=True)
        assert token.log_probability <= chances[0] + 1e-6


async def test_a_long_prompt_does_not_stop_the_others(loaded: LoadedLanguageModel) -> None:
    batch, short = ContinuousBatch(loaded, 4), job(loaded, "a", length=20)
    batch.add(short)
    batch.advance()
    long = job(loaded, "b" * 1500, length=5)
    batch.add(long)
    for _ in range(20):
        batch.advance()
    batch.deliver()
    assert short.output.completion_tokens == 20 and not long.output.completion_tokens
    finish(batch)
    assert long.output.completion_tokens == 5


async def test_what_is_cancelled_leaves_the_batch(loaded: LoadedLanguageModel) -> None:
    batch = ContinuousBatch(loaded, 2)
    jobs = [job(loaded, "a" * 10, length=1000, seed=seed) for seed in range(4)]
    for each in jobs:
        batch.add(each)
    for _ in range(5):
        batch.advance()
    for each in jobs[:3]:
        each.output.cancel()
    batch.drop_cancelled()
    assert batch.text_count == 1
    assert batch.outputs == [jobs[3].output]
    jobs[3].output.cancel()
    batch.drop_cancelled()
    assert not batch.has_work


async def test_no_tokens_at_all_is_a_text_that_ends(loaded: LoadedLanguageModel) -> None:
    batch, each = ContinuousBatch(loaded, 2), job(loaded, "", length=0)
    batch.add(each)
    finish(batch)
    assert [(piece.text, piece.finish) for piece in await pieces_of(each)] == [("", "length")]


class FaultyModel(BatchedModel):
    """A model that cannot read one token, whatever else it reads: as if a request took too much memory."""

    poison = -1

    def read(self, tokens, state, exact):  # type: ignore[no-untyped-def]
        if (tokens == self.poison).any():
            raise MemoryError("too large")
        return super().read(tokens, state, exact)

    def step(self, tokens, state, exact):  # type: ignore[no-untyped-def]
        if (tokens == self.poison).any():
            raise MemoryError("too large")
        return super().step(tokens, state, exact)


@pytest.mark.parametrize("fault", ["prompt", "step", "drawing", "scoring"])
async def test_a_request_that_fails_takes_no_other_with_it(
    loaded: LoadedLanguageModel, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"length": 30, "seed": 7, "is_reproducible": True}
    alone = job(loaded, "the sea", **values)
    batch = ContinuousBatch(loaded, 8)
    batch.add(alone)
    finish(batch)

    batch = ContinuousBatch(loaded, 8)
    batch._model = model = FaultyModel(loaded.network, 8)
    innocent = job(loaded, "the sea", **values)
    guilty = job(loaded, "the old man", 2, length=30, sampling=SamplingConfig(top_k=3), alternatives=1)
    if fault == "scoring":
        monkeypatch.setattr(batch._scorer, "score", raise_memory_error)
    if fault == "prompt":
        model.poison = int(guilty.prompt[-1])
        assert model.poison not in innocent.prompt.tolist()
    batch.add(innocent)
    batch.add(guilty)
    for _ in range(5):
        batch.advance()
    if fault == "drawing":
        row = next(row for row, text in enumerate(batch._texts) if text.job is guilty)
        batch._logits[row] = np.nan
    if fault == "step":
        monkeypatch.setattr(batch, "_draw", lambda: _poisoned(batch, guilty, model))
    batch.advance()
    monkeypatch.undo()
    model.poison = -1
    finish(batch)
    with pytest.raises(ApiError, match=r"The server had an error: (MemoryError|IndexError|RuntimeWarning)"):
        await pieces_of(guilty)
    assert await texts_of(innocent) == await texts_of(alone)
    assert not batch.has_work


def raise_memory_error(*arguments: object) -> None:
    raise MemoryError("too large")


def _poisoned(batch: ContinuousBatch, guilty: GenerationJob, model: FaultyModel) -> np.ndarray:
    """Draw as usual, but for one text of a job the token that the model cannot read, which nothing else has."""
    tokens = ContinuousBatch._draw(batch)
    model.poison = next(id for id in range(model.network.vocab_size) if id not in tokens.tolist())
    tokens[next(row for row, text in enumerate(batch._texts) if text.job is guilty)] = model.poison
    return tokens
