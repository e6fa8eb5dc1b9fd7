"""The torch classifier: padding, directions, pooling, and the n-gram part."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnntui.config_classifier import ClassifierConfig
from rnntui.kinds.classifier import NGRAM_SCALE
from rnntui.models.classifier import Classifier

VOCAB, LABELS, NGRAMS = 11, 3, 7
LENGTHS = torch.tensor([5, 1, 3])


def small_config(**settings: object) -> ClassifierConfig:
    return ClassifierConfig(**({"hidden": 6, "embedding": 4, "ngrams": "none"} | settings))  # type: ignore[arg-type]


def small_model(config: ClassifierConfig) -> Classifier:
    torch.manual_seed(3)
    model = Classifier(config, VOCAB, LABELS, NGRAMS)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model.eval()


def tokens(padding: int) -> Tensor:
    """Return tokens `(5, 3)` of three texts, padded with a token."""
    torch.manual_seed(1)
    positions = torch.arange(5)[:, None]
    return torch.randint(0, VOCAB, (5, 3)).masked_fill(positions >= LENGTHS, padding)


def packed_hidden(model: Classifier, config: ClassifierConfig, ids: Tensor) -> Tensor:
    """Return the hidden states `(S, B, D)` that torch's own module computes on packed sequences."""
    cell = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[config.cell]
    rnn = cell(config.embedding, config.hidden, config.layers, bidirectional=config.bidirectional)
    weights = dict(model.encoder.named_parameters())
    for name, parameter in rnn.named_parameters():
        kind, layer = name.removesuffix("_reverse").rsplit("_l", 1)
        direction = "backward_rnn" if name.endswith("_reverse") else "forward_rnn"
        parameter.data = weights[f"{direction}.{layer}.{kind}_l0"].data
    packed = pack_padded_sequence(model.encoder.embedding(ids), LENGTHS, enforce_sorted=False)
    return pad_packed_sequence(rnn(packed)[0])[0]


@pytest.mark.parametrize(
    ("cell", "both", "layers"), list(itertools.product(("lstm", "gru", "rnn"), (True, False), (1, 3)))
)
def test_padding_is_masked_as_in_packed_sequences(cell: str, both: bool, layers: int) -> None:
    config = small_config(cell=cell, bidirectional=both, layers=layers)
    model = small_model(config)
    for padding in (0, 9):
        ids = tokens(padding)
        hidden, final = model.encoder(ids, LENGTHS)
        expected = packed_hidden(model, config, ids)
        torch.testing.assert_close(hidden, expected)
        last = expected[LENGTHS - 1, torch.arange(3)]  # (B, D)
        if both:
            last = torch.cat([last[:, :6], expected[0, :, 6:]], dim=1)
        torch.testing.assert_close(final[-1], last)


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "concat", "attention"])
@pytest.mark.parametrize("both", [True, False])
def test_a_text_has_the_same_logits_alone_and_padded(pooling: str, both: bool) -> None:
    model = small_model(small_config(pooling=pooling, bidirectional=both))
    ids = tokens(2)
    together = model.recurrent_logits(ids, LENGTHS)
    for column, length in enumerate(LENGTHS.tolist()):
        alone = model.recurrent_logits(ids[:length, column : column + 1], LENGTHS[column : column + 1])
        torch.testing.assert_close(together[column : column + 1], alone)


def test_pooling_follows_its_definition() -> None:
    ids, columns = tokens(0), torch.arange(3)
    for pooling in ("last", "mean", "max", "concat", "attention"):
        model = small_model(small_config(pooling=pooling, bidirectional=False))
        hidden, _ = model.encoder(ids, LENGTHS)
        vectors = []
        for column in columns:
            states = hidden[: LENGTHS[column], column]  # (S, D)
            simple = {"last": states[-1], "mean": states.mean(0), "max": states.max(0).values}
            if pooling in simple:
                vectors.append(simple[pooling])
            elif pooling == "concat":
                vectors.append(torch.cat(list(simple.values())))
            else:
                assert model.pooling is not None
                keys = torch.tanh(model.pooling.projection(states))
                weights = torch.softmax(keys @ model.pooling.context.weight[0], dim=0)
                vectors.append(weights @ states)
        expected = model.output(torch.stack(vectors))
        torch.testing.assert_close(model.recurrent_logits(ids, LENGTHS), expected)


def test_the_ngram_part_is_linear_and_begins_at_zero() -> None:
    model = Classifier(small_config(ngrams="both"), VOCAB, LABELS, NGRAMS)
    indices, values, offsets = torch.tensor([0, 3, 3]), torch.tensor([0.5, 0.25, 1.0]), torch.tensor([0, 2, 2])
    assert not model.ngram_logits(indices, values, offsets).any()
    assert model.ngrams is not None
    nn.init.normal_(model.ngrams.weight)
    weight = model.ngrams.weight
    expected = torch.stack([0.5 * weight[0] + 0.25 * weight[3], torch.zeros(LABELS), weight[3]])
    torch.testing.assert_close(model.ngram_logits(indices, values, offsets), NGRAM_SCALE * expected)


def test_embedding_dropout_drops_the_same_components_of_all_tokens_and_only_in_training() -> None:
    model = small_model(small_config(embedding_dropout=0.5, dropout=0.0, embedding=20))
    ids = torch.arange(VOCAB)[:, None].repeat(1, 3)  # (V, 3): every token in each of three texts
    plain = model.encoder._embed(ids)
    torch.testing.assert_close(plain, model.encoder.embedding(ids))
    model.train()
    torch.manual_seed(0)
    dropped = model.encoder._embed(ids)
    is_zero = dropped == 0  # (V, 3, E)
    assert (is_zero == is_zero[0]).all() and not (is_zero[0, 0] == is_zero[0, 1]).all()
    assert 10 < is_zero[0].sum() < 50
    torch.testing.assert_close(dropped[~is_zero], 2 * plain[~is_zero])
