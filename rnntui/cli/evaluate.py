"""`rnntui evaluate`: its flags, and which kind of model has which; each kind is evaluated by a module of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import click

from rnntui.cli.inputs import PairReading
from rnntui.cli.options import checkpoints_option, corpus_options, run_option, setting_option
from rnntui.cli.run_choice import choose_run
from rnntui.cli.terminal import file_argument
from rnntui.config import TrainerConfig
from rnntui.config_seq2seq import BeamConfig, BleuTokenizer
from rnntui.errors import UsageError
from rnntui.kinds.model_kind import ModelKind, resolve
from rnntui.kinds.registry import KINDS, title_of
from rnntui.kinds.seq2seq import COLUMNS
from rnntui.settings import flag_of

_DEFAULT = click.core.ParameterSource.DEFAULT


@dataclass(frozen=True)
class EvaluateArguments:
    """The arguments of the command beside the run."""

    text: tuple[str, ...]
    source: str | None
    target: str | None
    held_out: bool
    save: str | None
    beam: int
    bleu_tokenizer: str | None
    threads: int | None
    reading: PairReading
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
@click.option(
    flag_of(COLUMNS.name), default="", metavar=COLUMNS.metavar, help=f"{COLUMNS.help[0].upper()}{COLUMNS.help[1:]}."
)
@click.option("--held-out", is_flag=True, help="Evaluate on the held-out pairs of the run's own data.")
@click.option(
    "--save", metavar="FILE", callback=file_argument,
    help="Write the evaluated pairs to a new table, each with its file and row.",
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
def command(
    context: click.Context,
    /,
    text: tuple[str, ...],
    run_name: str | None,
    checkpoints: str | None,
    source: str | None,
    target: str | None,
    columns: str,
    held_out: bool,
    save: str | None,
    beam: int,
    bleu_tokenizer: str | None,
    threads: int | None,
    encoding: str,
    errors: Any,
    newlines: Any,
    as_json: bool,
) -> None:
    """Evaluate a model on TEXT: files, folders, globs, or - for standard input.

    A language model has two losses: streaming carries the state through the whole text, as in use; windowed starts
    every 256 tokens from a zero state, comparable to figures published for Transformers.

    A Seq2Seq model, named by --run, is evaluated on pairs, which are read as train-seq2seq reads them: the loss of each
    reference token given those before (teacher forcing), and BLEU, chrF and exact matches of its translations.
    With --held-out, name the pairs that it was trained on: they are split in the same way again.
    """
    given = [name for name in context.params if context.get_parameter_source(name) is not _DEFAULT]
    run = choose_run(run_name, checkpoints, _kind_with(given))
    kind_id = run.read_config().kind
    if kind_id not in KINDS or not KINDS[kind_id].evaluator:
        evaluated = ", ".join(kind.id for kind in KINDS.values() if kind.evaluator)
        raise UsageError(f"run {run.name} is a {title_of(kind_id)}; this rnntui evaluates {evaluated}")
    kind = KINDS[kind_id]
    _refuse_flags_of_others(run.name, kind, given)
    TrainerConfig(threads=threads)  # checks the bounds
    reading = PairReading(columns, encoding, errors, newlines)
    arguments = EvaluateArguments(text, source, target, held_out, save, beam, bleu_tokenizer, threads, reading, as_json)
    resolve(kind.evaluator)(run, arguments)


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
