"""Settings of language models and of their training; those of all kinds are in `rnntui.config`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal, Self

from rnntui.config import BPTTConfig, ContinuationConfig, RecurrentConfig, TokenizerConfig, TokenizerType, TrainerConfig
from rnntui.errors import UsageError
from rnntui.settings import override, record, setting_field, shown_value

Documents = Literal["auto", "none", "file", "line", "blank"]
ValidationFrom = Literal["auto", "end", "spread"]

CHARACTER_EMBEDDING = 64
NGRAMS = 1
NGRAM_BUCKETS = 8192
NGRAM_DROPOUT = 0.1
BASE_MAX_EPOCHS, TOKENS_PER_EXTRA_EPOCH, MIN_STEPS_OF_MAX_EPOCHS = 20, 10_000, 2000
"""Default of `max_epochs`: a number of epochs, the tokens of the text that add one, and the fewest steps."""


@record
class LanguageModelConfig(RecurrentConfig):
    """Sizes and architecture of a recurrent language model."""

    embedding: int | None = setting_field(
        None,
        f"size of a token's embedding [default: {CHARACTER_EMBEDDING} for characters, --hidden for other tokens]",
        low=1,
        high=8192,
    )
    dropout: float | None = setting_field(
        None, "dropout probability [default: by how many times the text is read]", low=0.0, high=0.95
    )
    weight_dropout: float | None = setting_field(
        None,
        "probability of dropping a recurrent weight, for all steps of a window [default: by how many times the text is "
        "read; 0 with --dropout]",
        low=0.0,
        high=0.95,
    )
    tied: bool | None = setting_field(
        None,
        "weight tying: one matrix for embedding and output; needs --embedding equal to --hidden [default: if equal]",
    )
    ngrams: int | None = setting_field(
        None,
        "longest n-grams of tokens whose embeddings are added to that of the last token; 1: tokens alone "
        f"[default: {NGRAMS}]",
        low=1,
        high=5,
    )
    ngram_buckets: int | None = setting_field(
        None,
        "rows of each table of n-gram embeddings; n-grams are hashed into them, unless there is a row for each "
        f"[default: {NGRAM_BUCKETS:,}]",
        low=1,
        high=1 << 20,
    )
    ngram_dropout: float | None = setting_field(
        None,
        f"probability of leaving out an n-gram's embedding in training [default: {NGRAM_DROPOUT:g}]",
        low=0.0,
        high=0.95,
    )

    ngram_prior: int | None = setting_field(
        None,
        "longest contexts, in tokens, of an n-gram model of the training text whose log probabilities are added to the "
        "logits; 0: no n-gram model [default: by the tokenizer]",
        low=0,
        high=8,
    )

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Return the settings of a JSON object; one of a version without n-grams or weight dropout has none."""
        absent = {"ngrams": 1, "ngram_prior": 0, "weight_dropout": 0.0}
        return super().from_json({**absent, **values} if isinstance(values, dict) else values)

    def resolved(self, tokenizer: TokenizerType) -> LanguageModelConfig:
        """Return the same shape with the defaults that depend on other settings filled in.

        Raises `UsageError` if `tied` is set and embedding and hidden sizes differ, if a nonlinearity is set for a cell
        whose nonlinearity is fixed, or if settings of n-grams are set where there are none.
        """
        embedding = self.embedding or (CHARACTER_EMBEDDING if tokenizer == "char" else self.hidden)
        self.check_cell()
        fits = embedding == self.hidden
        if self.tied and not fits:
            raise UsageError(
                f"--tied needs --embedding equal to --hidden (got {embedding} and {self.hidden})", setting="tied"
            )
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values |= {
            "dropout": self.dropout or 0.0,
            "weight_dropout": self.weight_dropout or 0.0,
            "embedding": embedding,
            "tied": fits if self.tied is None else self.tied,
        }
        return LanguageModelConfig(**values | self._resolved_ngrams())

    def _resolved_ngrams(self) -> dict[str, Any]:
        """Return the settings of n-grams with defaults filled in; without n-grams the other settings remain None."""
        ngrams = self.ngrams or NGRAMS
        prior = self.ngram_prior or 0
        details = {"ngram_buckets": NGRAM_BUCKETS, "ngram_dropout": NGRAM_DROPOUT}
        if ngrams > 1:
            for name, default in details.items():
                value = getattr(self, name)
                details[name] = default if value is None else value
            return {"ngrams": ngrams, "ngram_prior": prior, **details}
        for name in details:
            if getattr(self, name) is not None:
                raise UsageError(f"--{name.replace('_', '-')} is for --ngrams 2 or more", setting=name)
        return {"ngrams": ngrams, "ngram_prior": prior}

    def check_with(self, tokenizer: TokenizerConfig) -> None:
        self.resolved(tokenizer.type)

    @property
    def summary(self) -> str:
        dropout = f", dropout {self.dropout:g}" if self.dropout else ""
        weight_dropout = f", weight dropout {self.weight_dropout:g}" if self.weight_dropout else ""
        return f"embedding {self.embedding}{dropout}{weight_dropout}{self._ngram_summary}"

    @property
    def history(self) -> int:
        """Number of tokens K before the next one that a state holds beside those of the recurrent layers."""
        return max((self.ngrams or 1) - 1, self.ngram_prior or 0)

    @property
    def _ngram_summary(self) -> str:
        prior = f", n-gram prior with contexts of {self.ngram_prior}" if self.ngram_prior else ""
        if (self.ngrams or 1) == 1:
            return prior
        dropout = f", n-gram dropout {self.ngram_dropout:g}" if self.ngram_dropout else ""
        return f", n-grams up to {self.ngrams} in {self.ngram_buckets or NGRAM_BUCKETS:,} rows each{dropout}{prior}"


@record
class LanguageModelTrainingConfig(ContinuationConfig, TrainerConfig, BPTTConfig):  # the last base's fields come first
    """Training of a language model.

    The defaults were tuned for five minutes of training on two cores (docs/guide/figures.md).
    """

    documents: Documents = setting_field(
        "auto",
        "documents, texts with a beginning and an end: each file, line, or block between blank lines is one; none: the "
        "corpus is one long text; auto: detected from the text",
        choices=Documents,
    )
    validation_from: ValidationFrom = setting_field(
        "auto",
        "the part held out for validation: the end of the text, or parts spread over all of it; auto: spread for "
        "documents, else end",
        choices=ValidationFrom,
    )
    validation_fraction: float = override(
        TrainerConfig, "validation_fraction", 0.1, "fraction of the text held out for validation"
    )
    final_learning_rate: float = override(TrainerConfig, "final_learning_rate", 0.1)
    max_epochs: float | None = override(
        TrainerConfig,
        "max_epochs",
        None,
        "epochs at most with a budget of minutes, so that the learning rate reaches its end before the model overfits "
        f"[default: {BASE_MAX_EPOCHS}, and one more for each {TOKENS_PER_EXTRA_EPOCH:,} tokens of the text; of a "
        f"short text, as many as make {MIN_STEPS_OF_MAX_EPOCHS:,} steps]",
    )
    weight_average: float = override(TrainerConfig, "weight_average", 0.995)

    turns: str = setting_field(
        "auto",
        "speakers of a dialogue or chat export, as in Ann,Ben: you, then the model; none: read dialogues and "
        "exports as plain text",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.turns in ("auto", "none"):
            return
        names = self.turns.split(",")
        if min(self.turns, default="") < " " or len(names) < 2 or not all(name.strip() for name in names):
            raise UsageError(
                f"--turns must be auto, none, or two names with a comma between them (got {shown_value(self.turns)})",
                setting="turns",
            )

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Return the settings of a JSON object; a version without these ended at a rate of 0, without averages."""
        earlier = {"final_learning_rate": 0.0, "weight_average": 0.0}
        return super().from_json({**earlier, **values} if isinstance(values, dict) else values)

    @property
    def batch_summary(self) -> str:
        return f"{self.batch_size} streams × {self.bptt} steps"
