"""`rnntui evaluate` of a language model: streaming and windowed loss on a text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rnntui.cli.environment import prepare_for_torch, use_one_blas_thread
from rnntui.cli.evaluate_output import plain_table
from rnntui.cli.inputs import open_corpus
from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.terminal import print_note, warn_unknown_characters, write_out, write_table
from rnntui.config_language_model import LanguageModelTrainingConfig
from rnntui.errors import UsageError
from rnntui.extras import require_extra

if TYPE_CHECKING:
    from rnntui.cli.evaluate import EvaluateArguments
    from rnntui.runs.folder import RunFolder
    from rnntui.training.evaluation import Evaluation


def evaluate_texts(run: RunFolder, arguments: EvaluateArguments) -> None:
    """Print the losses of a language model on a text, or what it copies, as tables or as a JSON line."""
    values: dict[str, Any] = {"run": run.name}
    if arguments.text or not arguments.novelty:
        values |= _evaluate_losses(run, arguments)
    if arguments.novelty:
        use_one_blas_thread()
        from rnntui.cli.novelty_output import generated_report, write_report

        report = generated_report(run)
        values["novelty"] = report.to_json()
        if not arguments.as_json:
            write_report(report)
    if arguments.as_json:
        write_out(json.dumps(values) + "\n")


def _evaluate_losses(run: RunFolder, arguments: EvaluateArguments) -> dict[str, Any]:
    """Evaluate on a text; print the losses, unless they are wanted as JSON, and return them."""
    require_extra("train", "evaluating a language model")  # `rnntui score` does not
    from rnntui.formatting import few_names
    from rnntui.text.chat_exports import converted_chat

    if not arguments.text:
        raise UsageError("name a text to evaluate on: a file, a folder, a glob, or - for standard input")
    corpus = open_corpus(arguments.text, arguments.encoding, arguments.errors, arguments.newlines)
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
        evaluations, unknown = evaluate_language_model_run(
            run, corpus, arguments.threads, monitor, dynamic=arguments.dynamic
        )
    warn_unknown_characters(unknown, few_names(corpus.display_names))
    streaming = evaluations["streaming"]
    if streaming.spelling_bits and streaming.characters:
        print_note(
            f"{streaming.spelling_bits / streaming.characters:.4f} of the bits per character are the spelling of "
            f"unknown words; the losses are those of <unk>"
        )
    if arguments.dynamic:
        print_note("dynamic: the model went on learning from this text; compare it only with other dynamic evaluations")
    if not arguments.as_json:
        _print_table(evaluations)
        if streaming.nats_per_word is not None:
            print_note(
                f"word perplexity: exp of {streaming.nats_per_word:.4f} nats a word (streaming), over "
                f"{streaming.words:,.0f} words between white space, each line break counted as one"
            )
    values = {name: _values(evaluation) for name, evaluation in evaluations.items()}
    return {"text": list(corpus.display_names), **values}


def _values(evaluation: Evaluation) -> dict[str, float | None]:
    return {
        "loss": evaluation.loss,
        "perplexity": evaluation.perplexity,
        "bits_per_character": evaluation.bits_per_character,
        "word_perplexity": evaluation.word_perplexity,
        "nats_per_word": evaluation.nats_per_word,
        "tokens": evaluation.tokens,
        "words": round(evaluation.words) or None,
    }


def _shown_perplexity(value: float) -> str:
    """Return a word perplexity; that of a text unlike the training text can have dozens of digits."""
    if value < 1e9:
        return f"{value:,.1f}"
    return f"{value:.2e}" if value < 1e304 else "above 1e304"


def _print_table(evaluations: dict[str, Evaluation]) -> None:
    table = plain_table("", "loss", "perplexity", "bits per character", "word perplexity", "tokens")
    for name, evaluation in evaluations.items():
        bits, word_perplexity = evaluation.bits_per_character, evaluation.word_perplexity
        table.add_row(
            name,
            f"{evaluation.loss:.4f}",
            f"{evaluation.perplexity:,.4f}",
            "" if bits is None else f"{bits:.4f}",
            "" if word_perplexity is None else _shown_perplexity(word_perplexity),
            f"{evaluation.tokens:,}",
        )
    write_table(table)
