"""Encoder, attention and decoder: torch and numpy agree, padding has no effect, every weight gets a gradient."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from pair_runs import sources_of, tiny_config, tiny_models
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnntui.config_seq2seq import Seq2SeqConfig
from rnntui.errors import RunError, UsageError
from rnntui.inference.numpy_seq2seq import NumpySeq2Seq
from rnntui.models.attention import make_attention
from rnntui.models.dropout import Dropout
from rnntui.models.layers import embed
from rnntui.models.weight_arrays import weights_of
from rnntui.text.vocabulary import BOS, PAD
from rnntui.training.length_buckets import make_batch

CELLS = [("lstm", "tanh"), ("gru", "tanh"), ("rnn", "tanh"), ("rnn", "relu")]
ATTENTIONS = ["general", "dot", "additive", "none"]
SOURCE, TARGET = 17, 13


def torch_logits(model, sources, targets):
    batch = make_batch(sources, targets)
    with torch.no_grad():
        arrays = (torch.from_numpy(a) for a in (batch.source, batch.lengths, batch.inputs))
        return model.logits(model(*arrays)[0]).numpy(), batch


def numpy_logits(model, sources, inputs):
    encoder_output, decoder_state = model.encode(sources)
    steps, weights = [], []
    for tokens in inputs:
        attention, decoder_state = model.step(tokens, decoder_state, encoder_output)
        steps.append(model.logits(decoder_state))
        weights.append(attention)
    return np.stack(steps), weights


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("feeding", [False, True], ids=["fused", "input-feeding"])
@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("cell", CELLS, ids="-".join)
def test_numpy_and_torch_give_the_same_logits(cell, attention: str, feeding: bool, layers: int) -> None:
    settings = {"cell": cell[0], "nonlinearity": cell[1], "attention": attention, "input_feeding": feeding}
    torch_model, numpy_model = tiny_models(SOURCE, TARGET, False, layers=layers, **settings)
    sources, targets = sources_of([5, 2, 9, 1], SOURCE), sources_of([4, 6, 2, 3], TARGET, seed=1)
    expected, batch = torch_logits(torch_model, sources, targets)
    result, weights = numpy_logits(numpy_model, sources, batch.inputs)
    real = batch.targets != PAD
    # The states of relu are not bounded: fed back they multiply rounding, here to 9e-5 from float64 in both of them.
    np.testing.assert_allclose(result[real], expected[real], rtol=0, atol=3e-4 if "relu" in cell else 1e-4)
    if attention != "none":
        for step in weights:
            np.testing.assert_allclose(step.sum(axis=2), 1.0, atol=1e-5)
            assert (step[1, :, 2:] == 0).all() and (step[3, :, 1:] == 0).all(), "padding gets no attention"


def test_dropout_zeroes_each_component_with_its_probability() -> None:
    dropout = Dropout(0.3)
    assert torch.equal(dropout.eval()(torch.ones(5)), torch.ones(5))
    inputs = torch.ones(1001, 300, requires_grad=True)
    outputs = dropout.train()(inputs)
    zeros = (outputs == 0).double().mean(dim=0)
    assert abs(zeros.mean() - 0.3) < 0.005 and zeros.std() < 0.02, "each component with the same probability"
    torch.testing.assert_close(
        outputs[outputs != 0], torch.tensor(1 / 0.7).expand(int((outputs != 0).sum())), rtol=1e-4, atol=0
    )
    outputs.sum().backward()
    assert torch.equal(inputs.grad, outputs)
    assert (Dropout(1 - 1e-9).train()(inputs) == 0).double().mean() > 0.999


def test_an_untrained_model_has_the_loss_of_the_frequencies() -> None:
    model, _ = tiny_models(SOURCE, TARGET, False)
    counts = torch.tensor([0, 4, 0, 90] + [0] * (TARGET - 4))
    model.set_output_bias(counts, 0.1)
    probabilities = model.logits(torch.zeros(1, 10)).softmax(1)[0]
    expected = 0.9 * (counts + 1) / (counts + 1).sum() + 0.1 / TARGET
    torch.testing.assert_close(probabilities, expected)


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("tied", [False, True])
def test_torch_and_numpy_agree_on_shared_weights_which_are_stored_once(tied: bool, joint: bool) -> None:
    size = SOURCE if joint else TARGET
    torch_model, numpy_model = tiny_models(SOURCE, size, joint, tied=tied)
    sources, targets = sources_of([5, 3], SOURCE), sources_of([4, 6], size, seed=1)
    expected, batch = torch_logits(torch_model, sources, targets)
    result, _ = numpy_logits(numpy_model, sources, batch.inputs)
    np.testing.assert_allclose(result[batch.targets != PAD], expected[batch.targets != PAD], rtol=0, atol=1e-4)
    matrices = [name for name in weights_of(torch_model) if "embedding" in name or name == "decoder.output.weight"]
    assert len(matrices) == {(True, True): 1, (True, False): 2}.get((tied, joint), 3)


@pytest.mark.parametrize(("cell", "attention"), itertools.product(["lstm", "gru", "rnn"], ATTENTIONS))
def test_the_result_for_a_pair_does_not_depend_on_its_batch(cell: str, attention: str) -> None:
    model, _ = tiny_models(SOURCE, TARGET, False, cell=cell, attention=attention)
    source, target = sources_of([3], SOURCE), sources_of([4], TARGET, seed=1)
    alone, _ = torch_logits(model, source, target)
    beside, _ = torch_logits(model, source + sources_of([12], SOURCE, 5), target + sources_of([9], TARGET, 6))
    np.testing.assert_allclose(beside[:4, 0], alone[:, 0], atol=1e-5)


def test_input_feeding_with_zero_weights_equals_the_fused_decoder() -> None:
    fused, _ = tiny_models(SOURCE, TARGET, False, input_feeding=False)
    feeding, _ = tiny_models(SOURCE, TARGET, False, input_feeding=True)
    weights = dict(fused.named_parameters())
    with torch.no_grad():
        for name, parameter in feeding.named_parameters():
            if name == "decoder.rnn.weight_ih_l0":
                parameter.zero_()
                parameter[:, :10] = weights[name]
            else:
                parameter.copy_(weights[name])
    sources, targets = sources_of([5, 3], SOURCE), sources_of([4, 6], TARGET, seed=1)
    one, other = torch_logits(fused, sources, targets)[0], torch_logits(feeding, sources, targets)[0]
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("feeding", [False, True])
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_every_weight_gets_a_gradient_and_padding_none(attention: str, feeding: bool) -> None:
    model, _ = tiny_models(SOURCE, TARGET, False, attention=attention, input_feeding=feeding, tied=False)
    batch = make_batch(sources_of([5, 2], SOURCE), sources_of([4, 2], TARGET, seed=1))
    vectors, _ = model(*(torch.from_numpy(a) for a in (batch.source, batch.lengths, batch.inputs)))
    logits = model.logits(vectors)[torch.from_numpy(batch.targets) != PAD]
    logits.logsumexp(1).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    assert model.encoder.embedding.weight.grad[PAD].abs().sum() == 0
    assert model.decoder.embedding.weight.grad[BOS].abs().sum() > 0


def test_attention_scores_are_those_of_the_papers() -> None:
    hidden, encoder_outputs = torch.randn(1, 1, 4), torch.randn(1, 3, 4)
    padding = torch.zeros(1, 3, dtype=torch.bool)
    h, k = hidden[0, 0], encoder_outputs[0]
    for kind in ("dot", "general", "additive"):
        layer = make_attention(kind, 4, 4)
        _, weights = layer(hidden, encoder_outputs, layer.project_keys(encoder_outputs), padding)
        if kind == "dot":
            scores = [h @ row for row in k]
        elif kind == "general":
            scores = [h @ layer.key.weight @ row for row in k]
        else:
            v = layer.score.weight[0]
            scores = [v @ torch.tanh(layer.query.weight @ h + layer.key.weight @ row) for row in k]
        torch.testing.assert_close(weights[0, 0], torch.softmax(torch.stack(scores), 0))


def test_errors_name_weights_that_are_missing_or_of_another_shape() -> None:
    model, _ = tiny_models(SOURCE, TARGET, False)
    weights = weights_of(model)
    del weights["decoder.combine.weight"]
    with pytest.raises(RunError, match=r"decoder\.combine\.weight"):
        NumpySeq2Seq(weights, tiny_config(), SOURCE, TARGET)
    with pytest.raises(RunError, match="has shape"):
        NumpySeq2Seq(weights_of(model), tiny_config(), SOURCE + 1, TARGET)
    for tied in (False, True):
        model, _ = tiny_models(SOURCE, TARGET, False, tied=tied)
        weights = weights_of(model)
        del weights["decoder.embedding.weight"]  # the source's must not be used instead
        with pytest.raises(RunError, match=r"decoder\.embedding\.weight"):
            NumpySeq2Seq(weights, tiny_config(tied=tied), SOURCE, TARGET)


def test_incompatible_settings_are_refused() -> None:
    with pytest.raises(UsageError, match="twice --encoder-hidden"):
        Seq2SeqConfig(attention="dot", hidden=100)
    with pytest.raises(UsageError, match="--cell rnn"):
        Seq2SeqConfig(nonlinearity="relu")
    with pytest.raises(UsageError, match="--layers must be between 1 and 3"):
        Seq2SeqConfig(layers=4)


@pytest.mark.parametrize("feeding", [False, True])
def test_dropout_applies_to_embeddings_between_encoder_layers_and_before_the_output(feeding: bool) -> None:
    model, _ = tiny_models(SOURCE, TARGET, False, layers=2, dropout=0.5, input_feeding=feeding)
    dropped: list[tuple[int, ...]] = []
    for dropout in (model.encoder.dropout, model.decoder.dropout):
        dropout.register_forward_hook(lambda _, inputs, output: dropped.append(tuple(inputs[0].shape)))
    batch = make_batch(sources_of([5, 2], SOURCE), sources_of([4, 3], TARGET, seed=1))
    arrays = [torch.from_numpy(a) for a in (batch.source, batch.lengths, batch.inputs)]
    vectors = [model.train()(*arrays)[0] for _ in range(2)]
    outputs = [(1, 2, 10)] * 4 if feeding else [(4, 2, 10)]
    assert dropped == 2 * [(5, 2, 10), (5, 2, 12), (4, 2, 10), *outputs]
    assert not torch.equal(*vectors) and (vectors[0] == 0).any()
    assert torch.equal(*(model.eval()(*arrays)[0] for _ in range(2)))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_the_encoder_equals_torchs_packed_sequences(cell: str, layers: int) -> None:
    model, _ = tiny_models(SOURCE, TARGET, False, cell=cell, layers=layers)
    encoder = model.encoder
    batch = make_batch(sources_of([5, 2, 9, 1], SOURCE), sources_of([1, 1, 1, 1], TARGET))
    source, lengths = torch.from_numpy(batch.source), torch.from_numpy(batch.lengths)
    kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell]
    width = encoder.forward_rnn[0].hidden_size
    packed = kind(encoder.forward_rnn[0].input_size, width, layers, bidirectional=True)
    ours = dict(encoder.named_parameters())
    with torch.no_grad():
        for name, parameter in packed.named_parameters():
            weight, layer = name.removesuffix("_reverse").rsplit("_l", 1)
            direction = "backward_rnn" if name.endswith("_reverse") else "forward_rnn"
            parameter.copy_(ours[f"{direction}.{layer}.{weight}_l0"])
        embedded = embed(encoder.embedding, source, model.config.tied)
        output, state = packed(pack_padded_sequence(embedded, lengths, enforce_sorted=False))
        expected = pad_packed_sequence(output)[0]
        last = state[0] if cell == "lstm" else state  # (2L, B, H)
        encoder_outputs, final_states = encoder(source, lengths)
    torch.testing.assert_close(encoder_outputs, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(final_states, torch.cat([last[0::2], last[1::2]], dim=2), atol=1e-6, rtol=0)
