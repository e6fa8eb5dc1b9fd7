"""Settings of text classifiers and of their training; those of all kinds are in `rnntui.config`."""

from __future__ import annotations

from typing import Any, Literal

from rnntui.config import VOCABULARY_TEXT, BPTTConfig, RecurrentConfig, TokenizerConfig, TokenizerType, TrainerConfig
from rnntui.settings import Settings, override, record, setting_field

Pooling = Literal["concat", "last", "mean", "max", "attention"]
Ngrams = Literal["none", "char", "word", "both"]
ClassifierMetric = Literal["auto", "accuracy", "macro_f1", "loss"]
TokenizerChoice = Literal["auto", "char", "word", "bpe", "unigram"]

_SELECTION_ORDERS: dict[str, tuple[str, ...]] = {
    "auto": ("accuracy",),  # only until the run is created
    "accuracy": ("accuracy",),
    "macro_f1": ("macro_f1", "accuracy"),
    "loss": (),
}
_SELECTION_NAMES = {"auto": "accuracy", "accuracy": "accuracy", "macro_f1": "macro F1", "loss": "validation loss"}


CHARACTER_RECIPE: dict[str, Any] = {
    "hidden": 128,
    "embedding": 64,
    "dropout": 0.3,
    "embedding_dropout": 0.1,
    "word_dropout": 0.0,
    "learning_rate": 6e-3,
    "label_smoothing": 0.05,
    "max_epochs": 12.0,
    "lowercase": False,
    "ngrams": "char",
}
"""Settings that are others by default where tokens are characters. Texts that short tokens suit, such as names, are
many and alike, so a model of them overfits later; both recipes were found on held-out parts of training texts."""


FEWEST_STEPS = 150
"""Steps that the default of `max_epochs` allows at least: 6 epochs of few texts teach nothing.

Accuracy with 6 epochs (12 of characters) and with 40, means of three seeds: of 150 texts, SST-2 50.7 and 60.4, three
authors 41.6 and 63.1, sex of names 76.7 and 77.9; of 500, 64.9 and 65.8, 71.0 and 74.9, 84.3 and 84.0."""


def _characters(name: str) -> str:
    """Return the note in a setting's help on its default for characters."""
    return f" [characters: {CHARACTER_RECIPE[name]:g}]"


@record
class ClassifierConfig(RecurrentConfig):
    """Sizes and architecture of a classifier: an encoder, pooling over its tokens, and a linear n-gram part."""

    layers: int = override(RecurrentConfig, "layers", 1, high=3)
    hidden: int = override(
        RecurrentConfig, "hidden", 64, f"hidden units in each layer and direction{_characters('hidden')}"
    )
    bidirectional: bool = setting_field(True, "read the text in both directions")
    embedding: int = setting_field(50, f"size of a token's embedding{_characters('embedding')}", low=1, high=8192)
    pooling: Pooling = setting_field(
        "concat",
        "vector of a text from its tokens' hidden states: the last one, their mean, their maximum, these three "
        "together (concat), or their mean weighted by attention",
        choices=Pooling,
    )
    ngrams: Ngrams = setting_field(
        "both",
        "linear part trained together with the recurrent one, on n-grams of 1 to 5 characters, of 1 or 2 words, or "
        "both",
        choices=Ngrams,
    )
    dropout: float = setting_field(
        0.5, f"dropout probability of a text's vector, and between layers{_characters('dropout')}", low=0.0, high=0.95
    )
    embedding_dropout: float = setting_field(
        0.5,
        f"embedding dropout: probability that a component of the embeddings is zero in all tokens of a text"
        f"{_characters('embedding_dropout')}",
        low=0.0,
        high=0.95,
    )
    word_dropout: float = setting_field(
        0.3,
        f"word dropout: probability that a token of a training text is read as unknown{_characters('word_dropout')}",
        low=0.0,
        high=0.95,
    )
    ngram_dropout: float = setting_field(
        0.3, "n-gram dropout: probability that an n-gram of a training text is left out", low=0.0, high=0.95
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_cell()

    @property
    def directions(self) -> int:
        """Number of directions in which a text is read."""
        return 2 if self.bidirectional else 1

    @property
    def outputs(self) -> int:
        """D, the size of a token's hidden state in all directions."""
        return self.directions * self.hidden

    @property
    def pooling_parts(self) -> tuple[str, ...]:
        """The poolings whose vectors, one after the other, are the vector of a text."""
        return ("last", "mean", "max") if self.pooling == "concat" else (self.pooling,)

    @property
    def pooled(self) -> int:
        """P, the size of a text's vector."""
        return len(self.pooling_parts) * self.outputs

    @property
    def summary(self) -> str:
        ways = "both directions" if self.bidirectional else "one direction"
        ngrams = "" if self.ngrams == "none" else f", n-grams of {_NGRAM_NAMES[self.ngrams]}"
        return f"{ways}, embedding {self.embedding}, {self.pooling} pooling{ngrams}, dropout {self.dropout:g}"


_NGRAM_NAMES = {"char": "characters", "word": "words", "both": "characters and words"}


@record
class ClassifierTokenizerConfig(TokenizerConfig):
    """The tokenizer of a classifier."""

    type: TokenizerType = override(  # auto only until the run is created
        TokenizerConfig,
        "type",
        "auto",
        "tokens: characters, words, or BPE or unigram subwords; auto: by the length of the texts",
        choices=TokenizerChoice,
        resolved=True,
    )
    vocab_size: int | None = override(
        TokenizerConfig,
        "vocab_size",
        None,
        f"{VOCABULARY_TEXT} [default: every character; 20000 words; 4000 subwords, fewer for few texts]",
    )
    lowercase: bool = setting_field(True, "read texts in lower case [characters: no]")


@record
class LabelledBatchConfig(Settings):
    """Batches of labelled texts of similar length."""

    batch_size: int = override(BPTTConfig, "batch_size", 64, "batch size (B): texts in a batch")
    bucket_batches: int = setting_field(50, "batches that are sorted by length together", low=1, high=1_000_000)


@record
class ClassifierTrainingConfig(TrainerConfig, LabelledBatchConfig):  # a dataclass takes its last base's fields first
    """Training of a classifier."""

    learning_rate: float = override(
        TrainerConfig, "learning_rate", 2e-3, f"peak learning rate of AdamW{_characters('learning_rate')}"
    )
    warmup: int = override(TrainerConfig, "warmup", 50)
    weight_decay: float = override(TrainerConfig, "weight_decay", 0.01)
    max_epochs: float | None = override(
        TrainerConfig,
        "max_epochs",
        6.0,
        "epochs at most with a budget of minutes, so that the learning rate reaches its end before the model overfits"
        + _characters("max_epochs").replace("]", f"; of few texts, as many as make {FEWEST_STEPS} steps]"),
    )
    validation_fraction: float = override(
        TrainerConfig,
        "validation_fraction",
        0.1,
        "fraction of the texts held out for validation, unless validation texts are given",
    )
    patience: int = override(
        TrainerConfig, "patience", 10, "early stopping: evaluations without a better --selection-metric; 0: off"
    )
    sample_length: int = override(
        TrainerConfig, "sample_length", 80, "characters shown of a classified text at each evaluation; 0: none"
    )
    label_smoothing: float = setting_field(
        0.1,
        f"label smoothing: probability spread evenly over the labels{_characters('label_smoothing')}",
        low=0.0,
        high=0.9,
    )
    class_weight_power: float = setting_field(
        0.3,
        "class weights: a label's weight in the loss is inverse to its count to this power; 0: all the same, "
        "1: balanced",
        low=0.0,
        high=1.0,
    )
    selection_metric: ClassifierMetric = setting_field(
        "auto",
        "metric that selects the best weights; auto: macro_f1 for unbalanced labels, else accuracy",
        choices=ClassifierMetric,
        resolved=True,
    )
    from_run: str = setting_field(
        "",
        "warm start: take tokens, embedding and recurrent layers of this language model; or train on from this "
        "classifier, whose labels stay",
        option_name="from",
    )
    unfreeze_epochs: float = setting_field(
        1.0,
        "with --from, epochs after which the next lower layer of the language model begins to learn",
        low=0.0,
        high=1000.0,
    )
    layer_rate_decay: float = setting_field(
        2.6, "with --from, factor by which the learning rate falls from layer to layer downwards", low=1.0, high=100.0
    )
    max_text_tokens: int = setting_field(
        512, "tokens of a training text that are read; the rest is cut off", low=1, high=10**6
    )

    @property
    def selection_order(self) -> tuple[str, ...]:
        return _SELECTION_ORDERS[self.selection_metric]

    @property
    def selection_note(self) -> str:
        return _SELECTION_NAMES[self.selection_metric]

    @property
    def batch_summary(self) -> str:
        return f"{self.batch_size} texts"

    @property
    def training_loss_terms(self) -> tuple[str, ...]:
        smoothing = (f"label smoothing {self.label_smoothing:g}",) if self.label_smoothing else ()
        weights = (f"class weights (power {self.class_weight_power:g})",) if self.class_weight_power else ()
        return smoothing + weights
