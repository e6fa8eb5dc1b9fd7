"""Weights before training: drawn by numpy from the distributions that torch draws them from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnntui.config_language_model import LanguageModelConfig
from rnntui.inspection.initial_weights import initial_weights, untrained_network
from rnntui.models.language_model import LanguageModel
from rnntui.models.weight_arrays import weights_of


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("tied", [False, True])
def test_weights_have_the_shapes_and_the_spread_of_torchs(cell: str, tied: bool) -> None:
    config = LanguageModelConfig(cell=cell, hidden=96, embedding=96, layers=2, tied=tied, ngrams=1)  # type: ignore[arg-type]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        expected = weights_of(LanguageModel(config, 50))
    drawn = initial_weights(config, 50, np.random.default_rng(1))
    assert drawn.keys() == expected.keys()
    for name, weight in expected.items():
        assert drawn[name].shape == weight.shape and drawn[name].dtype == np.float32
        is_small = weight.size < 1000
        assert drawn[name].std() == pytest.approx(weight.std(), rel=0.3 if is_small else 0.05), name
        assert ((drawn[name] == 1) == (weight == 1)).all()  # the forget gates that begin open
        assert (drawn[name][0] == 0).all() == (weight[0] == 0).all()  # the embedding of <unk>
    if cell == "rnn":
        recurrent = drawn["rnn.weight_hh_l1"]
        np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(96), atol=1e-5)


def test_a_model_of_ngrams_is_drawn_without_them() -> None:
    config = LanguageModelConfig(hidden=8, embedding=4, tied=False, ngrams=3, ngram_buckets=50, ngram_prior=2)
    network = untrained_network(config, 20)
    assert network.config.history == 0 and network.logits_of(network.initial_state()).shape == (1, 20)
