"""Baseline of Seq2Seq training: a decoder that loops over tokens and computes logits step by step, as in tutorials."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from rnntui.models.layers import embed, run_recurrent_layers
from rnntui.models.seq2seq import Seq2Seq
from rnntui.text.vocabulary import PAD
from rnntui.training.length_buckets import PairBatch


def stepped_loss(model: Seq2Seq, batch: PairBatch, smoothing: float) -> torch.Tensor:
    """Return the loss of a batch of a model with input feeding; padding is computed, but left out of the mean."""
    source, lengths, inputs, expected = (
        torch.from_numpy(ids) for ids in (batch.source, batch.lengths, batch.inputs, batch.targets)
    )
    encoder_outputs, ends = model.encoder(source, lengths)
    state, encoder_outputs, decoder = model.bridge(ends), encoder_outputs.transpose(0, 1), model.decoder
    keys = decoder.attention.project_keys(encoder_outputs) if decoder.attention else encoder_outputs
    input_feed = torch.zeros(1, source.shape[1], model.config.embedding)
    logits = []
    for tokens in inputs:
        embedded = decoder.dropout(embed(decoder.embedding, tokens[None], model.config.tied))  # (1, B, E)
        hidden, state = run_recurrent_layers(decoder.rnn, torch.cat([embedded, input_feed], dim=2), state)
        input_feed = decoder._attend(hidden, encoder_outputs, keys, (source == PAD).T)
        logits.append(model.logits(input_feed[0]))  # (B, V)
    return cross_entropy(
        torch.stack(logits).flatten(0, 1), expected.flatten(), ignore_index=PAD, label_smoothing=smoothing
    )
