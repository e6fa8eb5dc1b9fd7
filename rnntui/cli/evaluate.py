"""`rnntui evaluate`: its flags, and which kind of model has which; each kind is evaluated by a module of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import click

from rnntui.cli.inputs import reading_option
from rnntui.cli.options import checkpoints_option, corpus_options, run_option, setting_option
from rnntui.cli.run_choice import choose_run
from rnntui.cli.terminal import file_argument, new_file_argument
from rnntui.config import TrainerConfig
from rnntui.config_seq2seq import BeamConfig, BleuTokenizer
from rnntui.errors import UsageError
from rnntui.kinds.labelled_corpus_info import LABEL_COLUMN, TEXT_COLUMN
from rnntui.kinds.model_kind import ModelKind, resolve
from rnntui.kinds.registry import KINDS, title_of
from rnntui.kinds.seq2seq import COLUMNS
from rnntui.settings import flag_of

_DEFAULT = click.core.ParameterSource.DEFAULT


@dataclass(frozen=True)
class EvaluateArguments:
    """The arguments of the command beside the run, under their names."""

    text: tuple[str, ...]
    source: str | None
    target: str | None
    columns: str
    label_column: str
    text_column: str
    dynamic: bool
    novelty: bool
    held_out: bool
    save: str | None
    svg: str | None
    png: str | None
    beam: int
    bleu_tokenizer: str | None
    threads: int | None
    encoding: str
    errors: Any
    newlines: Any
    as_json: bool


@click.command("evaluate")
@click.argument("text", nargs=-1)
@run_option
@checkpoints_option
@click.option(
    "--source", callback=file_argument,
    help="For a Seq2Seq run, instead of TEXT: a file of source sentences, one per line.",
)  # fmt: skip
@click.option("--target", callback=file_argument, help="The file of their targets.")
@reading_option(COLUMNS)
@reading_option(LABEL_COLUMN)
@reading_option(TEXT_COLUMN)
@click.option(
    "--dynamic", is_flag=True,
    help="For a language model: also evaluate one that learns from the text as it reads it (dynamic evaluation).",
)  # fmt: skip
@click.option(
    "--novelty", is_flag=True,
    help="For a language model: what it copies from its training text, in 64 texts that it generates; needs no TEXT.",
)  # fmt: skip
@click.option(
    "--held-out", is_flag=True, help="Evaluate on the held-out pairs or labelled texts of the run's own data.",
)  # fmt: skip
@click.option(
    "--save", metavar="FILE", callback=new_file_argument,
    help="Write the evaluated pairs or labelled texts to a new table, each with its file and row.",
)  # fmt: skip
@click.option(
    "--svg", metavar="FILE", callback=file_argument,
    help="For a classifier: save the confusion matrix as an SVG image; - is standard output, and nothing else is "
    "printed.",
)  # fmt: skip
@click.option(
    "--png", metavar="FILE", callback=file_argument,
    help="The same as a PNG image. Needs: pip install 'rnntui[png]'.",
)  # fmt: skip
@setting_option(BeamConfig, "beam")
@click.option(
    "--bleu-tokenizer", type=click.Choice(get_args(BleuTokenizer)),
    help="sacrebleu's tokenizer for BLEU; auto: by the script of the targets [default: the run's own]",
)  # fmt: skip
@setting_option(TrainerConfig, "threads")
@corpus_options
@click.option("--json", "as_json", is_flag=True, help="Write one JSON line.")
@click.pass_context
def command(context: click.Context, /, run_name: str | None, checkpoints: str | None, **values: Any) -> None:
    """Evaluate a model on TEXT: files, folders, globs, or - for standard input.

    A language model has two losses: streaming carries the state through the whole text, as in use; windowed starts
    every 256 tokens from a zero state, comparable to figures published for Transformers. With --dynamic, a third one is
    that of a model that goes on learning from the text, 32 tokens at a time, once it has predicted them (Krause et al.
    2018): compare it only with other figures of dynamic evaluation. The run itself stays as it is. Bits
    per character and word perplexity (words between white space, each line break counted as one) are comparable between
    tokenizers. With --novelty, what the model copies word for word from its training text is set beside what is in
    text held out from it; the training text is indexed if it is not yet (rnntui index).

    A Seq2Seq model, named by --run, is evaluated on pairs, which are read as train-seq2seq reads them: the loss of each
    reference token given those before (teacher forcing), and BLEU, chrF and exact matches of its translations.

    A classifier, named by --run, is evaluated on labelled texts, which are read as train-classifier reads them:
    accuracy, macro F1, log loss, calibration error, the results of each label, the confusion matrix, and the ten most
    confidently wrong texts.

    With --held-out, name the pairs or labelled texts that it was trained on: they are split in the same way again.
    """
    given = [name for name in context.params if context.get_parameter_source(name) is not _DEFAULT]
    run = choose_run(run_name, checkpoints, _kind_with(given))
    kind_id = run.read_config().kind
    if kind_id not in KINDS or not KINDS[kind_id].evaluator:
        evaluated = ", ".join(kind.id for kind in KINDS.values() if kind.evaluator)
        raise UsageError(f"run {run.name} is a {title_of(kind_id)}; this rnntui evaluates {evaluated}")
    kind = KINDS[kind_id]
    _refuse_flags_of_others(run.name, kind, given)
    TrainerConfig(threads=values["threads"])  # checks the bounds
    resolve(kind.evaluator)(run, EvaluateArguments(**values))


def _kind_with(names: list[str]) -> ModelKind:
    """Return the first kind that has all the given parameters which only some kinds have."""
    kinds = [kind for kind in KINDS.values() if kind.evaluator]
    special = {name for kind in kinds for name in kind.evaluate_options} & {*names}
    return next((kind for kind in kinds if special <= {*kind.evaluate_options}), kinds[0])


def _refuse_flags_of_others(run_name: str, kind: ModelKind, names: list[str]) -> None:
    """Raise `UsageError` if a given parameter is one that only other kinds have."""
    for name in names:
        owners = [f"{owner.title}s" for owner in KINDS.values() if name in owner.evaluate_options]
        if owners and name not in kind.evaluate_options:
            raise UsageError(f"{flag_of(name)} is for {' and '.join(owners)}; {run_name} is a {kind.title}")
