"""Baseline of batched translation: the same beam search with the torch module, one sentence at a time."""

from __future__ import annotations

import numpy as np
import torch

from rnntui.config_seq2seq import BeamConfig, Seq2SeqConfig
from rnntui.inference.beam_search import length_normalized
from rnntui.inference.translator import read_vocabularies
from rnntui.kinds.pair_corpus_info import PairCorpusInfo
from rnntui.models.layers import embed, run_recurrent_layers
from rnntui.models.seq2seq import Seq2Seq
from rnntui.models.weight_arrays import load_best_weights
from rnntui.runs.folder import RunFolder
from rnntui.text.vocabulary import BOS, EOS


class TorchBeam:
    """The model and vocabularies of a run, with beam search."""

    def __init__(self, run: RunFolder) -> None:
        config = run.read_config()
        self.source, self.target = read_vocabularies(run, config)
        joint = self.source is self.target
        self.model = Seq2Seq(config.model_as(Seq2SeqConfig), self.source.size, self.target.size, joint).eval()
        load_best_weights(self.model, run)
        self.training_lengths = config.corpus_as(PairCorpusInfo).lengths

    @torch.inference_mode()
    def translate(self, line: str, settings: BeamConfig) -> str:
        """Return the best translation of one line, by the rules of `rnntui.inference.beam_search`."""
        source = torch.from_numpy(np.append(self.source.encode(line), EOS))[:, None]  # (S, 1)
        encoder_outputs, ends = self.model.encoder(source, torch.tensor([len(source)]))
        decoder, encoder_outputs = self.model.decoder, encoder_outputs.transpose(0, 1)  # (1, S, K)
        keys = decoder.attention.project_keys(encoder_outputs) if decoder.attention else encoder_outputs
        padding = torch.zeros(1, len(source), dtype=torch.bool)
        state, width = self.model.bridge(ends), settings.beam
        tokens, totals, texts = torch.tensor([BOS]), torch.zeros(1), [[]]
        max_length = self.training_lengths.max_target_length(len(source)) if self.training_lengths else 100
        finished: list[tuple[float, list[int]]] = []
        for step in range(1, max_length + 1):
            count = len(tokens)
            embedded = embed(decoder.embedding, tokens, self.model.config.tied)[None]  # (1, K, E)
            hidden, new_state = run_recurrent_layers(decoder.rnn, embedded, state)  # (1, K, H)
            alike = (each.expand(count, -1, -1) for each in (encoder_outputs, keys))
            vectors = decoder._attend(hidden, *alike, padding.expand(count, -1))
            scores = torch.log_softmax(self.model.logits(vectors[0]), dim=1) + totals[:, None]  # (K, V)
            ends = scores[:, EOS].clone()
            scores[:, [EOS, *self.target.banned_ids]] = float("-inf")
            totals, places = scores.flatten().topk(width)
            rows, tokens = places // scores.shape[1], places % scores.shape[1]
            for row in (ends >= totals[-1]).nonzero().flatten().tolist():
                finished.append((length_normalized(float(ends[row]), step, settings.length_penalty), texts[row]))
            if len(finished) >= width:
                best = max(finished)[0]
                if length_normalized(float(totals[0]), step, settings.length_penalty) <= best:
                    break
            texts = [[*texts[row], token] for row, token in zip(rows.tolist(), tokens.tolist(), strict=True)]
            state = tuple(tensor[:, rows] for tensor in new_state)
        return self.target.decode(max(finished)[1] if finished else texts[0])
