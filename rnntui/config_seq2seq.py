"""Settings of Seq2Seq models, of their training and of beam search; those of all kinds are in `rnntui.config`."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from rnntui.config import (
    FINAL_EVALUATION_FACTOR,
    VOCABULARY_TEXT,
    BPTTConfig,
    ContinuationConfig,
    RecurrentConfig,
    TokenizerConfig,
    TrainerConfig,
)
from rnntui.errors import UsageError
from rnntui.settings import Settings, override, record, setting_field

AttentionKind = Literal["general", "dot", "additive", "none"]
SplitSentences = Literal["auto", "yes", "no"]
PairTokenizerType = Literal["char", "bpe", "unigram"]  # a translation must be able to write any word
SelectionMetric = Literal["auto", "bleu", "chrf", "exact", "loss"]
BleuTokenizer = Literal["auto", "13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "none"]

_SELECTION_ORDERS: dict[str, tuple[str, ...]] = {
    "auto": ("bleu", "chrf", "exact"),  # only until the run is created
    "bleu": ("bleu", "chrf", "exact"),
    "chrf": ("chrf", "exact"),
    "exact": ("exact", "chrf"),
    "loss": (),
}
"""Metrics that select by, in order. BLEU breaks no tie of another: of short texts it is 0, or luck."""
_SELECTION_NAMES = {"auto": "BLEU", "bleu": "BLEU", "chrf": "chrF", "exact": "exact matches", "loss": "validation loss"}

PAIR_SUBWORDS = 8000
GUIDED_ALIGNMENT = 0.5
_CHARACTERS_A_SUBWORD = (
    800  # of training text per subword of the vocabulary: embeddings of rarer subwords are learned badly
)


@record
class Seq2SeqConfig(RecurrentConfig):
    """Sizes and architecture of an encoder, a decoder and the attention between them."""

    layers: int = override(RecurrentConfig, "layers", 1, "recurrent layers of encoder and of decoder", high=3)
    hidden: int = override(RecurrentConfig, "hidden", 512, "hidden units in each layer of the decoder")
    encoder_hidden: int = setting_field(
        256, "hidden units in each layer and direction of the encoder", low=1, high=8192
    )
    embedding: int = setting_field(
        256, "size of a token's embedding, and of the output layer's input", low=1, high=8192
    )
    attention: AttentionKind = setting_field(
        "general", "attention score function; none: no attention", choices=AttentionKind
    )
    input_feeding: bool = setting_field(
        False,
        "input feeding: feed the last attentional vector to the decoder, which then runs step by step and is slower",
    )
    dropout: float = setting_field(0.3, "dropout probability", low=0.0, high=0.95)
    tied: bool = setting_field(
        True, "weight tying: one matrix for target embedding and output, and with a joint vocabulary source embedding"
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
    """Tokenizers of source and target."""

    type: PairTokenizerType = override(
        TokenizerConfig,
        "type",
        "unigram",
        "tokens: characters, or BPE or unigram subwords",
        choices=PairTokenizerType,
    )
    vocab_size: int | None = override(
        TokenizerConfig,
        "vocab_size",
        None,
        f"{VOCABULARY_TEXT} [default: every character; {PAIR_SUBWORDS} subwords, fewer for a small corpus]",
    )
    separate_vocab: bool = setting_field(False, "separate vocabularies of source and target instead of a joint one")
    lowercase_source: bool = setting_field(
        False, "lowercase the sources, so that capitals affect nothing but the case of the translation"
    )
    placeholders: bool = setting_field(
        False, "copy numbers, addresses and unknown names, which the model sees as placeholders"
    )

    def subwords(self, characters: int) -> int:
        """Return the vocabulary size to train, given the number of characters of the training text."""
        return self.vocab_size or max(400, min(PAIR_SUBWORDS, characters // _CHARACTERS_A_SUBWORD))

    @property
    def summary(self) -> str:
        notes = (
            (self.separate_vocab, "the source its own"),
            (self.lowercase_source, "lowercase sources"),
            (self.placeholders, "placeholders"),
        )
        return ", ".join([super().summary, *(note for is_set, note in notes if is_set)])


@record
class LengthBucketConfig(Settings):
    """Batches of pairs of similar length."""

    batch_size: int = override(BPTTConfig, "batch_size", 48, "batch size (B): pairs in a batch")
    batch_tokens: int | None = setting_field(
        None, "instead of --batch-size: tokens in a batch, source and target, padding included", low=1, high=10**7
    )
    bucket_batches: int = setting_field(1000, "batches that are sorted by length together", low=1, high=1_000_000)


@record
class Seq2SeqTrainingConfig(ContinuationConfig, TrainerConfig, LengthBucketConfig):  # the last base's fields come first
    """Training of a Seq2Seq model."""

    learning_rate: float = override(TrainerConfig, "learning_rate", 2e-3)
    weight_decay: float = override(TrainerConfig, "weight_decay", 0.01)
    validation_fraction: float = override(
        TrainerConfig,
        "validation_fraction",
        0.03,
        "fraction of the pairs held out for validation, unless validation pairs are given",
    )
    evaluations: int = override(TrainerConfig, "evaluations", 12)  # each also translates, which takes a while
    patience: int = override(
        TrainerConfig, "patience", 6, "early stopping: evaluations without a better --selection-metric; 0: off"
    )
    sample_length: int = override(
        TrainerConfig, "sample_length", 80, "characters shown of a translated sentence at each evaluation; 0: none"
    )
    label_smoothing: float = setting_field(
        0.1, "label smoothing: probability spread evenly over the vocabulary", low=0.0, high=0.9
    )
    guided_alignment: float | None = setting_field(
        None,
        "guided alignment: weight, at first, of a loss that draws attention to the source tokens that an IBM model 1 "
        f"aligns with a target token; 0: off [default: {GUIDED_ALIGNMENT:g} for subwords with attention, else 0]",
        low=0.0,
        high=10.0,
    )
    selection_metric: SelectionMetric = setting_field(
        "auto",
        "metric that selects the best weights; auto: bleu, or exact for short targets and labels",
        choices=SelectionMetric,
        resolved=True,
    )
    bleu_tokenizer: BleuTokenizer = setting_field(
        "auto",
        "sacrebleu's tokenizer for BLEU; auto: by the script of the targets",
        choices=BleuTokenizer,
        resolved=True,
    )
    bleu_pairs: int = setting_field(
        500,
        "validation pairs translated for BLEU, chrF and exact matches at each evaluation; "
        f"the final evaluation translates {FINAL_EVALUATION_FACTOR} times as many",
        low=1,
        high=10**6,
    )
    short_pair_repeats: int = setting_field(
        1, "times per epoch that a pair is seen if its source has one or two words, such as a greeting",
        low=1, high=100,
    )  # fmt: skip
    max_pair_tokens: int | None = setting_field(
        None,
        "maximum tokens of a source or target; longer pairs are left out [default: ten times the usual length]",
        low=1,
        high=10**6,
    )

    @property
    def selection_order(self) -> tuple[str, ...]:
        return _SELECTION_ORDERS[self.selection_metric]

    @property
    def selection_note(self) -> str:
        metric = _SELECTION_NAMES[self.selection_metric]
        return f"{metric}; BLEU tokenizer {self.resolved_bleu_tokenizer}"

    @property
    def resolved_bleu_tokenizer(self) -> str:
        """sacrebleu's name of the tokenizer; a run of an older version, whose config has none, was scored by 13a."""
        return "13a" if self.bleu_tokenizer == "auto" else self.bleu_tokenizer

    @property
    def batch_summary(self) -> str:
        return f"{self.batch_tokens} tokens" if self.batch_tokens else f"{self.batch_size} pairs"

    @property
    def training_loss_terms(self) -> tuple[str, ...]:
        terms = (("label smoothing", self.label_smoothing), ("guided alignment", self.guided_alignment))
        return tuple(f"{name} {value:g}" for name, value in terms if value)

    def for_model(self, model: Seq2SeqConfig, tokens: PairTokenizerType) -> Seq2SeqTrainingConfig:
        """Return the settings with guided alignment chosen, where it was left open.

        Raises `UsageError` if there is no attention to guide.
        """
        if self.guided_alignment is None:
            is_guided = model.attention != "none" and tokens != "char"
            return replace(self, guided_alignment=GUIDED_ALIGNMENT if is_guided else 0.0)
        if self.guided_alignment and model.attention == "none":
            raise UsageError(
                f"--guided-alignment {self.guided_alignment:g} needs attention, and --attention is none",
                setting="guided_alignment",
            )
        return self


@record
class BeamConfig(Settings):
    """Beam search for a translation."""

    beam: int = setting_field(5, "beam size: hypotheses kept at each step; 1: greedy", low=1, high=64)
    n_best: int = setting_field(1, "number of different translations for each line", low=1, high=64)
    length_penalty: float = setting_field(
        1.0, "exponent of the length penalty; 0: none, 1: almost the mean per token", low=0.0, high=2.0
    )
    max_length: int | None = setting_field(
        None, "maximum tokens of a translation [default: a little more than the longest in training]",
        low=1, high=100_000,
    )  # fmt: skip

    def check(self) -> None:
        """Raise `UsageError` if the settings do not fit together."""
        if self.n_best > self.beam:
            raise UsageError(
                f"--n-best {self.n_best} needs a --beam of {self.n_best} or more (got {self.beam})", setting="n_best"
            )


@record
class LineConfig(Settings):
    """Preparation of lines for translation."""

    split_sentences: SplitSentences = setting_field(
        "auto",
        "translate the sentences of a line one by one; auto: if few training sources had several",
        choices=SplitSentences,
    )
