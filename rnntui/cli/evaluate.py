"""`rnntui evaluate`: losses of a language model on a text; loss and translation scores of a Seq2Seq model on pairs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from rnntui.atomic_files import atomic_write
from rnntui.cli.environment import prepare_for_torch
from rnntui.cli.inputs import PairReading, open_corpus, read_pairs
from rnntui.cli.options import checkpoints_option, corpus_options, run_option, setting_option
from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.run_choice import choose_run
from rnntui.cli.terminal import file_argument, print_note, warn_unknown_characters, write_out, write_table
from rnntui.config import LanguageModelTrainingConfig, TrainerConfig
from rnntui.config_seq2seq import BeamConfig, BleuTokenizer
from rnntui.errors import UsageError
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.pair_corpus_info import PairCorpusInfo
from rnntui.kinds.seq2seq import BLEU, CHRF, COLUMNS, EXACT, SEQ2SEQ
from rnntui.settings import flag_of

if TYPE_CHECKING:
    from rnntui.runs.folder import RunFolder
    from rnntui.text.parallel_corpus import ParallelCorpus
    from rnntui.training.evaluation import Evaluation

_UNSEEN_SENTENCES = "sentences occur in neither column of the training pairs"
_DEFAULT = click.core.ParameterSource.DEFAULT
_PAIR_OPTIONS = ("source", "target", "columns", "held_out", "save", "beam", "bleu_tokenizer")


@dataclass(frozen=True)
class _Options:
    """The arguments of the command beside the run; `pair_flags` are the given flags that only Seq2Seq runs have."""

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
    pair_flags: list[str]


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
    pair_flags = [flag_of(name) for name in _PAIR_OPTIONS if context.get_parameter_source(name) is not _DEFAULT]
    kind = SEQ2SEQ if pair_flags else LANGUAGE_MODEL
    run = choose_run(run_name, checkpoints, kind)
    config = run.read_config()
    if config.kind not in _EVALUATORS:
        raise UsageError(f"run {run.name} is a {config.kind}; this rnntui evaluates {', '.join(_EVALUATORS)}")
    reading = PairReading(columns, encoding, errors, newlines)
    TrainerConfig(threads=threads)  # checks the bounds
    options = _Options(
        text, source, target, held_out, save, beam, bleu_tokenizer, threads, reading, as_json, pair_flags
    )
    _EVALUATORS[config.kind](run, options)


def _evaluate_language_model(run: RunFolder, options: _Options) -> None:
    from rnntui.text.chat_exports import converted_chat

    if options.pair_flags:
        raise UsageError(f"{options.pair_flags[0]} is for Seq2Seq runs; {run.name} is a language model")
    if not options.text:
        raise UsageError("name a text to evaluate on: a file, a folder, a glob, or - for standard input")
    reading = options.reading
    corpus = open_corpus(options.text, reading.encoding, reading.errors, reading.newlines)
    turns = run.read_config().training_as(LanguageModelTrainingConfig).turns
    try:
        corpus, message = converted_chat(corpus, turns)
    except UsageError:  # the speakers that the run names are not in this text
        corpus, message = converted_chat(corpus, "auto")
    if message:
        print_note(message)
    with ProgressBar("evaluating", is_immediate=True) as bar:
        prepare_for_torch()
        from rnntui.training.evaluate_language_model import evaluate_language_model_run
        from rnntui.training.evaluation import EvaluationMonitor

        monitor = EvaluationMonitor(report=bar.update)
        evaluations, unknown = evaluate_language_model_run(run, corpus, options.threads, monitor)
    warn_unknown_characters(unknown, ", ".join(corpus.display_names))
    if options.as_json:
        values = {name: _values(evaluation) for name, evaluation in evaluations.items()}
        write_out(json.dumps({"run": run.name, "text": list(corpus.display_names), **values}) + "\n")
    else:
        _print_table(evaluations)


def _evaluate_seq2seq(run: RunFolder, options: _Options) -> None:
    names = options.text, options.source, options.target
    info = run.read_config().corpus_as(PairCorpusInfo)
    find_layouts = (lambda files: info.recorded_layouts) if options.held_out else None
    pairs = read_pairs(names, SEQ2SEQ.input_choices[0], options.reading, find_layouts)
    if pairs is None:
        raise UsageError("name pairs to evaluate on: a table, or two files by --source and --target")
    messages = [*pairs.notes, *([pairs.dropped.message] if pairs.dropped.count else [])]
    if options.held_out:
        from rnntui.training.prepare_seq2seq import held_out_pairs

        total, pairs = len(pairs.rows), held_out_pairs(run, pairs)
        unseen = "sources do not occur in the training pairs" if info.split == "source" else _UNSEEN_SENTENCES
        messages.append(
            f"evaluating on {len(pairs.rows):,} of {total:,} pairs: the pairs held out from run {run.name}; "
            f"their {unseen}"
        )
    for message in messages:
        print_note(message)
    if options.save is not None:
        _save_pairs(Path(options.save), pairs)
    with ProgressBar("evaluating", is_immediate=True) as bar:
        prepare_for_torch()
        from rnntui.training.evaluate_seq2seq import evaluate_seq2seq_run
        from rnntui.training.evaluation import EvaluationMonitor

        beam, monitor = BeamConfig(beam=options.beam), EvaluationMonitor(report=bar.update)
        evaluation, scores, unknown = evaluate_seq2seq_run(
            run, pairs, beam, options.bleu_tokenizer, options.threads, monitor
        )
    warn_unknown_characters(unknown, ", ".join(pairs.display_names))
    if scores.short_references > 50:
        print_note(
            f"BLEU is not informative here: it counts sequences of four tokens, and {scores.short_references:.0f} % of "
            f"the targets have fewer; compare exact matches and chrF"
        )
    if options.as_json:
        values = {
            "run": run.name,
            "text": list(pairs.display_names),
            "pairs": len(pairs.rows),
            "held_out": options.held_out,
        }
        loss = {key: value for key, value in _values(evaluation).items() if key != "bits_per_character"}
        write_out(json.dumps({**values, "beam": options.beam, **loss, **asdict(scores)}) + "\n")
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_row(
        "loss",
        f"{evaluation.loss:.4f}",
        f"nats a token, over {evaluation.tokens:,} tokens of {len(pairs.rows):,} pairs",
    )
    table.add_row("perplexity", f"{evaluation.perplexity:,.4f}", "")
    table.add_row(BLEU.label, BLEU.text(scores.bleu), f"beam {options.beam}, {scores.bleu_signature}")
    table.add_row(CHRF.label, CHRF.text(scores.chrf), scores.chrf_signature)
    table.add_row(EXACT.label, EXACT.text(scores.exact), "% of lines that equal their target")
    write_table(table)


def _save_pairs(path: Path, pairs: ParallelCorpus) -> None:
    """Write the pairs as a table; a third column names the file and row of each, to look up further columns there."""
    if path.exists():
        raise UsageError(f"--save {path}: the file exists already", hint="choose another name")
    rows = (f"{pair.source}\t{pair.target}\t{pair.file}, row {pair.row}\n" for pair in pairs.rows)
    atomic_write(path, "".join(rows).encode("utf-8", "surrogatepass"))


def _values(evaluation: Evaluation) -> dict[str, float | None]:
    return {
        "loss": evaluation.loss,
        "perplexity": evaluation.perplexity,
        "bits_per_character": evaluation.bits_per_character,
        "tokens": evaluation.tokens,
    }


def _print_table(evaluations: dict[str, Evaluation]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for heading in ("loss", "perplexity", "bits per character", "tokens"):
        table.add_column(heading, justify="right")
    for name, evaluation in evaluations.items():
        table.add_row(
            name,
            f"{evaluation.loss:.4f}",
            f"{evaluation.perplexity:,.4f}",
            f"{evaluation.bits_per_character:.4f}",
            f"{evaluation.tokens:,}",
        )
    write_table(table)


_EVALUATORS: dict[str, Callable[[RunFolder, _Options], None]] = {
    LANGUAGE_MODEL.id: _evaluate_language_model,
    SEQ2SEQ.id: _evaluate_seq2seq,
}
"""Evaluation of a run, by the id of its kind."""
