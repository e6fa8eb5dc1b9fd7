"""Encoder, bridge and decoder as one torch module."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnntui.config_seq2seq import Seq2SeqConfig
from rnntui.models.decoder import Bridge, Decoder
from rnntui.models.encoder import Encoder
from rnntui.text.vocabulary import PAD


class Seq2Seq(nn.Module):
    """A source in, for each place of the target what should stand there (Sutskever et al. 2014; Luong et al. 2015).

    `joint` says that source and target share their vocabulary; tied weights then are one matrix for both embeddings
    and the output, else for the target's embedding and the output.
    """

    def __init__(self, config: Seq2SeqConfig, source_size: int, target_size: int, joint: bool) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config, source_size)
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

    def forward(self, source: Tensor, lengths: Tensor, inputs: Tensor) -> Tensor:
        """Attentional vectors `(T, B, E)` for `source (S, B)` of `lengths (B,)` and target `inputs (T, B)`."""
        memory, ends = self.encoder(source, lengths)
        padding = (source == PAD).T  # (B, S)
        vectors: Tensor = self.decoder(inputs, self.bridge(ends), memory, padding)
        return vectors

    def logits(self, vectors: Tensor) -> Tensor:
        """Logits `(..., V)` of attentional vectors `(..., E)`."""
        logits: Tensor = self.decoder.output(vectors)
        return logits
