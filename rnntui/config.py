"""Settings of models of all kinds, of training and of reading, each declared once.

A field carries its help text and its bounds. It is a flag of the command line, a key of `config.json` and a field of
the form; `__post_init__` validates the value, wherever it came from.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from rnntui.errors import UsageError
from rnntui.settings import Settings, record, setting_field, settings_of

Cell = Literal["lstm", "gru", "rnn"]
Nonlinearity = Literal["tanh", "relu"]
TokenizerType = Literal["char", "word", "bpe", "unigram"]
Precision = Literal["auto", "fp32", "bf16"]
Device = Literal["auto", "cpu", "cuda", "mps"]
DecodingErrors = Literal["strict", "replace"]
Newlines = Literal["universal", "keep"]

DEFAULT_MINUTES = 5.0
DEFAULT_SUBWORDS, MORE_SUBWORDS = 2000, 4000
MUCH_TEXT = 2_500_000  # characters of a training text from which there are more subwords
DEFAULT_WORDS = 10_000  # the output layer of 20,000 takes most of a short training
MAX_TOKENS = 0x110001
"""The largest vocabulary: every code point and `<unk>`."""
SMALLEST_SUBWORDS = 300  # 256 bytes, <unk>, the newline and some characters
VOCABULARY_TEXT = f"tokens in the vocabulary, {SMALLEST_SUBWORDS} at least for BPE and unigram"
"""Help of the setting `vocab_size`, without its default."""
FINAL_EVALUATION_FACTOR = 4
"""Ratio of the final evaluation's data to that of an evaluation during training."""


@record
class RecurrentConfig(Settings):
    """The recurrent layers that every model has."""

    cell: Cell = setting_field("lstm", "recurrent cell", choices=Cell)
    nonlinearity: Nonlinearity = setting_field("tanh", "activation of --cell rnn", choices=Nonlinearity)
    layers: int = setting_field(1, "recurrent layers", low=1, high=4)
    hidden: int = setting_field(512, "hidden units in each layer", low=1, high=8192)

    def check_cell(self) -> None:
        """Raise `UsageError` if the cell has a fixed nonlinearity and another is set."""
        if self.nonlinearity != "tanh" and self.cell != "rnn":
            raise UsageError(
                f"--nonlinearity {self.nonlinearity} is for --cell rnn (got --cell {self.cell})", setting="nonlinearity"
            )

    def check_with(self, tokenizer: TokenizerConfig) -> None:
        """Raise `UsageError` if the model and its tokenizer do not fit together."""

    @property
    def summary(self) -> str:
        """Return the model's other sizes in a few words, for a list of facts."""
        return ""


@record
class TokenizerConfig(Settings):
    """The tokenizer of a model."""

    type: TokenizerType = setting_field(
        "char", "tokens: characters, words, or BPE or unigram subwords", choices=TokenizerType, option_name="tokenizer"
    )
    vocab_size: int | None = setting_field(
        None,
        f"{VOCABULARY_TEXT} [default: every character; {DEFAULT_WORDS} words; {DEFAULT_SUBWORDS} subwords, "
        f"{MORE_SUBWORDS} for texts from {MUCH_TEXT / 1e6:g} million characters on]",
        low=2,
        high=MAX_TOKENS,
    )

    @property
    def summary(self) -> str:
        """Return the vocabulary in a few words, for a list of facts."""
        unit = {"char": "characters", "word": "words"}.get(self.type, f"{self.type} subwords")
        return f"{self.vocab_size:,} {unit}" if self.vocab_size else unit


@record
class Budget(Settings):
    """Budget of a training: minutes, epochs or steps; five minutes by default."""

    minutes: float | None = setting_field(
        None, f"training time in minutes [default: {DEFAULT_MINUTES:g}]", low=0.01, high=100_000
    )
    epochs: float | None = setting_field(
        None, "number of epochs: passes over the training data", low=0.001, high=100_000
    )
    steps: int | None = setting_field(None, "number of training steps", low=1, high=1_000_000_000)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in ("minutes", "epochs", "steps") if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageError(f"--{given[0]} and --{given[1]} are two budgets", setting=given[0], hint="give one")

    @property
    def is_timed(self) -> bool:
        """True for a budget of minutes."""
        return self.epochs is None and self.steps is None

    def check_max_epochs(self, given: Collection[str]) -> None:
        """Raise `UsageError` if the user limits the epochs of a budget that is not one of minutes.

        Args:
            given: option names of the settings that the user set; others may have a default.
        """
        name = "epochs" if self.epochs is not None else "steps" if self.steps is not None else ""
        if name and "max_epochs" in given:
            raise UsageError(
                f"--max-epochs limits a budget of minutes, and --{name} is a budget of its own",
                setting="max_epochs",
                hint="leave one of them out",
            )

    @property
    def summary(self) -> str:
        """Return the budget in words, as in "5 minutes"."""
        for unit in settings_of(Budget):
            value = getattr(self, unit)
            if value is not None:
                return f"{value:,.10g} {unit if value != 1 else unit.removesuffix('s')}"
        return f"{DEFAULT_MINUTES:g} minutes"


@record
class BPTTConfig(Settings):
    """Batches for truncated backpropagation through time over one long text."""

    batch_size: int = setting_field(32, "batch size (B): streams of text read in parallel", low=1, high=4096)
    bptt: int = setting_field(
        32, "window length (T): steps of truncated backpropagation through time", low=1, high=8192
    )
    state_reset_prob: float = setting_field(
        0.01,
        "probability of resetting a stream's state to zero before a window, so that the model learns how a text begins",
        low=0.0,
        high=1.0,
    )


@record
class TrainerConfig(Settings):
    """Settings of the training loop for every kind of model."""

    learning_rate: float = setting_field(4e-3, "peak learning rate of AdamW", low=0.0, high=10.0)
    warmup: int = setting_field(150, "linear warm-up steps of the learning rate", low=0, high=1_000_000)
    weight_decay: float = setting_field(0.15, "AdamW's decoupled weight decay, on matrices", low=0.0, high=10.0)
    final_learning_rate: float = setting_field(
        0.0, "learning rate at the end of the schedule, as a share of the peak", low=0.0, high=1.0
    )
    adam_beta2: float = setting_field(0.99, "AdamW's decay of the mean squared gradient", low=0.0, high=0.99999)
    weight_average: float = setting_field(
        0.0,
        "decay of an exponential moving average of the weights, which evaluations, samples and the saved model use; "
        "0: off",
        low=0.0,
        high=0.99999,
    )
    clip_grad_norm: float = setting_field(
        1.0, "maximum gradient norm; larger gradients are scaled down to it", low=1e-6, high=1e6
    )
    validation_fraction: float = setting_field(
        0.1, "fraction of the text, at its end, held out for validation", low=0.001, high=0.9
    )
    max_epochs: float | None = setting_field(
        None,
        "epochs at most with a budget of minutes, so that the learning rate reaches its end before the model overfits "
        "[default: no limit]",
        low=0.001,
        high=100_000,
    )
    evaluations: int = setting_field(25, "number of evaluations during training", low=1, high=10_000)
    eval_tokens: int = setting_field(
        65_536,
        f"validation tokens of each evaluation; the final evaluation reads {FINAL_EVALUATION_FACTOR} times as many",
        low=256,
        high=10**9,
    )
    patience: int = setting_field(
        10, "early stopping: evaluations without a better validation loss; 0: off", low=0, high=10_000
    )
    sample_length: int = setting_field(
        80, "characters of sampled text shown at each evaluation; 0: none", low=0, high=10_000
    )
    save_every: float = setting_field(60.0, "seconds between saves of the resume state", low=0.0, high=1e6)
    precision: Precision = setting_field("auto", "precision of matrix products", choices=Precision)
    device: Device = setting_field("auto", "device to train on", choices=Device)
    threads: int | None = setting_field(
        None, "CPU threads; auto: as many as are fastest at the moment", low=1, high=1024, none="auto"
    )
    local_steps: int = setting_field(
        1,
        "with several processes, steps that each takes on its own before all average their weights; 1: gradients are "
        "added up in every step",
        low=1,
        high=10_000,
        in_form=False,
    )
    # torch 2.13 takes 64 bits, but its generator on the CPU uses the lower 32 alone: two seeds would be one.
    seed: int = setting_field(1, "random seed", low=0, high=2**32 - 1)
    tensorboard: bool = setting_field(
        False, "also log the metrics and samples for TensorBoard, in the folder tensorboard of the run"
    )

    @property
    def selection_order(self) -> tuple[str, ...]:
        """Keys of the metrics that select the best weights: the first, and on a tie the next; at last the loss."""
        return ()

    @property
    def selection_note(self) -> str:
        """Return what selects the best weights in a few words; empty for a kind that has nothing but the loss."""
        return ""

    @property
    def batch_summary(self) -> str:
        """Return the shape of a batch in a few words, for a list of facts."""
        return ""

    @property
    def training_loss_terms(self) -> tuple[str, ...]:
        """Names of what only the training loss has, such as label smoothing."""
        return ()

    @property
    def loss_note(self) -> str:
        """Return why training and validation loss are not comparable; empty if they are."""
        terms = " and ".join(self.training_loss_terms)
        notes = [f"{terms} in the training loss"] if terms else []
        notes += [f"validation loss of averaged weights ({self.weight_average:g})"] if self.weight_average else []
        return ", ".join(notes)


@record
class ContinuationConfig(Settings):
    """Training on from another run."""

    from_run: str = setting_field(
        "",
        "train on from this run: its weights, tokenizer and shape; shipped models are runs too",
        option_name="from",
    )
    mix: float = setting_field(
        0.0,
        "with --from, share of the batches that is training data of that run, so that less of it is forgotten",
        low=0.0,
        high=0.9,
    )

    def check_mix(self) -> None:
        """Raise `UsageError` if there is no run whose data could be mixed in."""
        if self.mix and not self.from_run:
            raise UsageError(
                "--mix keeps a share of the data of the run that --from names", setting="mix", hint="add --from"
            )


@record
class ReadingConfig(Settings):
    """Reading of text files and of standard input."""

    encoding: str = setting_field("utf-8", "encoding of the text files")
    errors: DecodingErrors = setting_field(
        "strict", "handling of bytes that are invalid in the encoding", choices=DecodingErrors
    )
    newlines: Newlines = setting_field(
        "universal", "line endings: universal reads CR LF and CR as LF; keep leaves them unchanged", choices=Newlines
    )


@record
class PoolConfig(Settings):
    """Processes of the commands that read many lines."""

    jobs: int | None = setting_field(
        None,
        "processes that compute at the same time; auto: one for each usable core if the input is long",
        low=1,
        high=256,
        none="auto",
    )
