"""The decoder of a Seq2Seq model, and the bridge that makes its initial state from the encoder's final one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnntui.config_seq2seq import Seq2SeqConfig
from rnntui.models.attention import make_attention
from rnntui.models.dropout import Dropout
from rnntui.models.layers import State, embed, recurrent_layers, run_recurrent_layers, state_count


class Bridge(nn.Module):
    """The decoder's initial state: for each layer and state tensor an affine map of the encoder's final state.

    h goes through tanh (Bahdanau et al. 2015, appendix A.2.2), as a hidden state lies within ±1; an LSTM's c does not.
    Both are maps of the encoder's final h: a fused recurrent call over padded sources does not return c at their ends.
    """

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self._state_count = state_count(config.cell)
        self.maps = nn.ModuleList(
            nn.Linear(2 * config.encoder_hidden, config.hidden) for _ in range(self._state_count * config.layers)
        )

    def forward(self, final_states: Tensor) -> State:
        """Return the decoder's initial state, tensors `(L, B, H)`, for the encoder's final states `(L, B, D)`."""
        layers = len(final_states)
        state = []
        for index in range(self._state_count):
            maps = self.maps[index * layers : (index + 1) * layers]
            mapped = torch.stack([affine(final) for affine, final in zip(maps, final_states, strict=True)])  # (L, B, H)
            state.append(mapped if index else torch.tanh(mapped))
        return tuple(state)


class Decoder(nn.Module):
    """Recurrent layers, then attention, then the attentional vector h̃ = tanh(W [c; h]) (Luong et al. 2015, eq. 5).

    h̃ has the size E of the embedding, so that embedding and output layer can share one matrix (Press and Wolf 2017).
    Without input feeding no step depends on the attention of the step before, and all T steps are one fused recurrent
    call and one batched attention. With input feeding (section 3.3), h̃ of the step before is concatenated to the
    embedding, and the steps run one by one.
    """

    def __init__(self, config: Seq2SeqConfig, vocab_size: int) -> None:
        super().__init__()
        self.input_feeding = config.input_feeding
        self.embedding = nn.Embedding(vocab_size, config.embedding)
        self._tied = config.tied
        inputs = config.embedding * (2 if config.input_feeding else 1)
        self.rnn = recurrent_layers(config, inputs, config.hidden, config.layers, config.dropout)
        encoder_size = 2 * config.encoder_hidden
        self.attention = make_attention(config.attention, config.hidden, encoder_size)
        combine_inputs = config.hidden + (encoder_size if self.attention else 0)
        self.combine = nn.Linear(combine_inputs, config.embedding, bias=False)
        self.output = nn.Linear(config.embedding, vocab_size)
        self.dropout = Dropout(config.dropout)

    def forward(
        self, inputs: Tensor, state: State, encoder_outputs: Tensor, padding: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return attentional vectors `(T, B, E)` under teacher forcing (Williams and Zipser 1989).

        `output` maps them to logits. The second result is the attention weights `(B, T, S)`, None without attention.

        Args:
            inputs: the target's tokens `(T, B)`, beginning with BOS.
            state: the initial state, tensors `(L, B, H)`.
            encoder_outputs: `(S, B, D)`.
            padding: `(B, S)`, True after the end of a source.
        """
        encoder_outputs = encoder_outputs.transpose(0, 1)  # (B, S, D)
        keys = self.attention.project_keys(encoder_outputs) if self.attention else encoder_outputs
        embedded = self.dropout(embed(self.embedding, inputs, self._tied))  # (T, B, E)
        if not self.input_feeding:
            hidden, _ = run_recurrent_layers(self.rnn, embedded, state)  # (T, B, H)
            return self._attend(hidden, encoder_outputs, keys, padding)
        input_feed = torch.zeros_like(embedded[:1])  # (1, B, E)
        vectors, weights = [], []
        for step in embedded.split(1):
            step_inputs = torch.cat([step, input_feed.to(step.dtype)], dim=2)  # (1, B, 2E)
            hidden, state = run_recurrent_layers(self.rnn, step_inputs, state)  # (1, B, H)
            input_feed, step_weights = self._attend(hidden, encoder_outputs, keys, padding)
            vectors.append(input_feed)
            if step_weights is not None:
                weights.append(step_weights)
        return torch.cat(vectors), torch.cat(weights, dim=1) if weights else None

    def _attend(
        self, hidden: Tensor, encoder_outputs: Tensor, keys: Tensor, padding: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return h̃ `(T, B, E)`, after the dropout that precedes the output layer, and the attention weights.

        The weights are `(B, T, S)`, None without attention; `hidden` is `(T, B, H)`.
        """
        weights: Tensor | None = None
        if self.attention is not None:
            context, weights = self.attention(hidden.transpose(0, 1), encoder_outputs, keys, padding)  # (B, T, D)
            hidden = torch.cat([context.transpose(0, 1), hidden], dim=2)  # (T, B, D + H)
        return self.dropout(torch.tanh(self.combine(hidden))), weights
