"""Settings of Seq2Seq models, of their training and of beam search; those of all kinds are in `rnntui.config`."""

from __future__ import annotations

from typing import Literal

from rnntui.config import (
    FINAL_EVALUATION_FACTOR,
    BPTTConfig,
    LanguageModelConfig,
    RecurrentConfig,
    Settings,
    TokenizerConfig,
    TokenizerType,
    TrainerConfig,
    record,
    redefined,
    setting,
)
from rnntui.errors import UsageError

AttentionKind = Literal["general", "dot", "additive", "none"]
SelectionMetric = Literal["bleu", "loss"]

PAIR_SUBWORDS = 8000
_CHARACTERS_A_SUBWORD = 800  # of text in training, for each subword of the vocabulary: rarer ones are learnt badly


@record
class Seq2SeqConfig(RecurrentConfig):
    """The shape of an encoder, a decoder and the attention between them."""

    layers: int = redefined(RecurrentConfig, "layers", 1, "recurrent layers of encoder and of decoder", high=3)
    hidden: int = redefined(RecurrentConfig, "hidden", 512, "hidden units in each layer of the decoder")
    encoder_hidden: int = setting(256, "hidden units in each layer and direction of the encoder", low=1, high=8192)
    embedding: int = setting(256, "size of a token's embedding, and of what the output layer reads", low=1, high=8192)
    attention: AttentionKind = setting("general", "how the decoder looks at the source", choices=AttentionKind)
    input_feeding: bool = setting(
        False, "give the decoder what it last attended to; the target then runs step by step, which is slower"
    )
    dropout: float = redefined(LanguageModelConfig, "dropout", 0.3)
    tied: bool = setting(
        True, "one matrix for the target's embedding, the output, and with a joint vocabulary the source"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_cell()
        if self.attention == "dot" and self.hidden != 2 * self.encoder_hidden:
            raise UsageError(
                f"--attention dot needs --hidden twice --encoder-hidden (got {self.hidden} and {self.encoder_hidden})",
                setting="attention",
                hint="the default, general, does not",
            )

    @property
    def summary(self) -> str:
        feeding = ", input feeding" if self.input_feeding else ""
        return (
            f"encoder {self.encoder_hidden} each way, embedding {self.embedding}, "
            f"attention {self.attention}{feeding}, dropout {self.dropout:g}"
        )


@record
class Seq2SeqTokenizerConfig(TokenizerConfig):
    """The tokenizers of the two columns."""

    type: TokenizerType = redefined(TokenizerConfig, "type", "unigram")
    vocab_size: int | None = redefined(
        TokenizerConfig,
        "vocab_size",
        None,
        f"tokens in the vocabulary [default: every character; {PAIR_SUBWORDS} subwords, fewer for a small corpus]",
    )
    separate_vocab: bool = setting(False, "a vocabulary for each column, instead of one for both")

    def subwords(self, characters: int) -> int:
        """Subwords to ask for, given the number of characters of the training text."""
        return self.vocab_size or max(400, min(PAIR_SUBWORDS, characters // _CHARACTERS_A_SUBWORD))

    @property
    def summary(self) -> str:
        return super().summary + (", the source its own" if self.separate_vocab else "")


@record
class LengthBucketConfig(Settings):
    """Batches of pairs of similar length."""

    batch_size: int = redefined(BPTTConfig, "batch_size", 48, "pairs in a batch (B)")
    batch_tokens: int | None = setting(
        None, "instead of --batch-size: tokens in a batch, padding and both columns included", low=1, high=10**7
    )
    bucket_batches: int = setting(1000, "batches that are sorted by length together", low=1, high=1_000_000)


@record
class Seq2SeqTrainingConfig(TrainerConfig, LengthBucketConfig):  # a dataclass takes the fields of its last base first
    """Training of a Seq2Seq model."""

    learning_rate: float = redefined(TrainerConfig, "learning_rate", 2e-3)
    weight_decay: float = redefined(TrainerConfig, "weight_decay", 0.01)
    validation_fraction: float = redefined(
        TrainerConfig, "validation_fraction", 0.03, "part of the pairs kept for validation, where none are given"
    )
    evaluations: int = redefined(TrainerConfig, "evaluations", 12)  # each also translates, which takes a while
    patience: int = redefined(
        TrainerConfig, "patience", 6, "stop after so many checks without a better --selection-metric; 0: never"
    )
    sample_length: int = redefined(
        TrainerConfig, "sample_length", 80, "characters shown of a translated sentence at each check; 0: none"
    )
    label_smoothing: float = setting(0.1, "part of the probability spread over all tokens", low=0.0, high=0.9)
    selection_metric: SelectionMetric = setting("bleu", "what decides which weights are best", choices=SelectionMetric)
    bleu_pairs: int = setting(
        500,
        "validation pairs translated for BLEU at each check; "
        f"the final evaluation translates {FINAL_EVALUATION_FACTOR} times as many",
        low=1,
        high=10**6,
    )
    max_pair_tokens: int | None = setting(
        None, "leave out pairs with more tokens in a column [default: ten times the usual length]", low=1, high=10**6
    )

    @property
    def selects_by(self) -> str:
        return self.selection_metric

    @property
    def batch_summary(self) -> str:
        return f"{self.batch_tokens} tokens" if self.batch_tokens else f"{self.batch_size} pairs"

    @property
    def loss_note(self) -> str:
        return f"label smoothing {self.label_smoothing:g} in the training loss" if self.label_smoothing else ""


@record
class BeamConfig(Settings):
    """Beam search for a translation."""

    beam: int = setting(5, "hypotheses kept at each step; 1: always the likeliest token", low=1, high=64)
    n_best: int = setting(1, "translations to give for each line, no two alike", low=1, high=64)
    length_penalty: float = setting(
        1.0, "how far scores are evened out between short and long (0: not at all, 1: almost a mean)", low=0.0, high=2.0
    )
    max_length: int | None = setting(
        None, "tokens of a translation at most [default: a little more than the longest in training]",
        low=1, high=100_000,
    )  # fmt: skip

    def check(self) -> None:
        """Raises `UsageError` if settings do not go together."""
        if self.n_best > self.beam:
            raise UsageError(
                f"--n-best {self.n_best} needs a --beam of {self.n_best} or more (got {self.beam})", setting="n_best"
            )
