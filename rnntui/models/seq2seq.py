"""Encoder, bridge and decoder as one torch module."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnntui.config_seq2seq import Seq2SeqConfig
from rnntui.models.decoder import Bridge, Decoder
from rnntui.models.encoder import Encoder, EncoderSizes
from rnntui.text.vocabulary import PAD


class Seq2Seq(nn.Module):
    """Encoder-decoder model that predicts each target token (Sutskever et al. 2014; with attention, Luong et al. 2015).

    `joint` says that source and target share their vocabulary. Tied weights then are one matrix for both embeddings
    and the output layer; else, for the target embedding and the output layer (Press and Wolf 2017).
    """

    def __init__(self, config: Seq2SeqConfig, source_size: int, target_size: int, joint: bool) -> None:
        super().__init__()
        self.config = config
        sizes = EncoderSizes(config.embedding, config.encoder_hidden, dropout=config.dropout, is_tied=config.tied)
        self.encoder = Encoder(config, sizes, source_size)
        self.bridge = Bridge(config)
        self.decoder = Decoder(config, target_size)
        for embedding in (self.encoder.embedding, self.decoder.embedding):
            nn.init.normal_(embedding.weight, std=config.embedding**-0.5 if config.tied else 1.0)
            with torch.no_grad():
                embedding.weight[PAD].zero_()
        nn.init.zeros_(self.decoder.output.bias)
        if config.tied:
            self.decoder.output.weight = self.decoder.embedding.weight
            if joint:
                self.encoder.embedding.weight = self.decoder.embedding.weight

    def set_output_bias(self, counts: Tensor, smoothing: float) -> None:
        """Set the output layer's bias to the log frequencies of the target tokens, with label smoothing.

        The model then begins at the loss of a unigram model. From zeros, that takes many steps, as AdamW moves a bias
        by about the learning rate a step, and the bias of a rare token has to move by several nats.

        Args:
            counts: occurrences of each token in the training targets, `(V,)`; one more is added to each.
            smoothing: the share of the target distribution that is spread evenly over the vocabulary.
        """
        frequencies = (counts.double() + 1) / (counts.double() + 1).sum()
        smoothed = (1 - smoothing) * frequencies + smoothing / len(counts)
        with torch.no_grad():
            self.decoder.output.bias.copy_(smoothed.log())

    def forward(self, source: Tensor, lengths: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the decoder's attentional vectors `(T, B, E)`, which `logits` reads, and its attention weights.

        The weights are `(B, T, S)`, None without attention.

        Args:
            source: tokens `(S, B)`, padded with PAD.
            lengths: `(B,)`, the tokens of each source.
            inputs: the target's tokens `(T, B)`, beginning with BOS.
        """
        encoder_outputs, final_states = self.encoder(source, lengths)  # (S, B, D), (L, B, D)
        padding = (source == PAD).T  # (B, S)
        decoded: tuple[Tensor, Tensor | None] = self.decoder(
            inputs, self.bridge(final_states), encoder_outputs, padding
        )
        return decoded

    def logits(self, vectors: Tensor) -> Tensor:
        """Return logits `(..., V)` for attentional vectors `(..., E)`."""
        logits: Tensor = self.decoder.output(vectors)
        return logits
