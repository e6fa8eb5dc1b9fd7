"""The loss of a Seq2Seq model by source length, against torch's losses."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from pair_runs import copy_rows, make_pair_run, tiny_models, word, write_weights

from rnntui.errors import CorpusError, RunError
from rnntui.inspection.source_length import pair_losses, source_length_loss
from rnntui.text.parallel_corpus import Pair
from rnntui.text.vocabulary import BOS, EOS

SIZE = 12


@pytest.mark.parametrize("settings", [{"attention": "general"}, {"attention": "none", "input_feeding": True}])
def test_losses_are_those_of_teacher_forcing_in_torch(settings: dict[str, object]) -> None:
    torch_model, model = tiny_models(SIZE, SIZE, True, **settings)
    rng = np.random.default_rng(4)
    pairs = [(rng.integers(3, SIZE, rng.integers(1, 9)), rng.integers(3, SIZE, rng.integers(1, 9))) for _ in range(7)]
    losses, are_right = pair_losses(model, pairs)
    for (source, target), loss, is_right in zip(pairs, losses, are_right, strict=True):
        sources, targets = torch.from_numpy(np.append(source, EOS))[:, None], np.append(target, EOS)
        read = torch.from_numpy(np.append(BOS, target))[:, None]
        with torch.inference_mode():
            vectors, _ = torch_model(sources, torch.tensor([len(sources)]), read)
            logits = torch_model.logits(vectors)[:, 0]
        expected = torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets), reduction="none").numpy()
        np.testing.assert_allclose(loss, expected, atol=1e-5)
        np.testing.assert_array_equal(is_right, logits.argmax(dim=-1).numpy() == targets)


def test_pairs_are_grouped_by_the_length_of_their_source(tmp_path: Path) -> None:
    run = make_pair_run(tmp_path, copy_rows(300), "copies")
    write_weights(run)
    rng = random.Random(1)
    pairs = [Pair(text, text, "my.tsv", row) for row, text in enumerate(word(rng, 2, 20) for _ in range(120))]
    result = source_length_loss(run, pairs, "of my.tsv")
    assert sum(each.pairs for each in result.bins) == 120
    assert all(a.high < b.low for a, b in zip(result.bins, result.bins[1:], strict=False))
    text = " ".join(result.summary())
    assert "with general attention" in text and "of my.tsv" in text
    assert result.rows(60) and "<svg" in result.svg() and result.to_json()["source_lengths"][0]["tokens"] > 0
    held_out = source_length_loss(run)
    assert "held out" in held_out.origin and held_out.bins
    with pytest.raises(CorpusError, match="3 pairs are too few"):
        source_length_loss(run, pairs[:3], "of my.tsv")
    same = [Pair("abc", "cba", "my.tsv", 1)] * 10
    assert [each.name for each in source_length_loss(run, same, "").bins] == ["3 tokens"]
    run.validation_ids.unlink()
    with pytest.raises(RunError, match="rnntui inspect context copies --text FILE"):
        source_length_loss(run)
