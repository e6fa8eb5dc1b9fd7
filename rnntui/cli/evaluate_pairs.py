"""`rnntui evaluate` of a Seq2Seq model: loss and translation scores on pairs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rnntui.cli.environment import prepare_for_torch
from rnntui.cli.evaluate_output import plain_table, save_rows
from rnntui.cli.inputs import PairReading, read_pairs
from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.terminal import print_note, warn_unknown_characters, write_out, write_table
from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import UsageError
from rnntui.extras import require_extra
from rnntui.kinds.pair_corpus_info import PairCorpusInfo
from rnntui.kinds.seq2seq import BLEU, CHRF, EXACT, SEQ2SEQ

if TYPE_CHECKING:
    from rnntui.cli.evaluate import EvaluateArguments
    from rnntui.runs.folder import RunFolder

_UNSEEN_SENTENCES = "sentences occur in neither column of the training pairs"


def evaluate_pairs(run: RunFolder, arguments: EvaluateArguments) -> None:
    """Print loss and translation scores of a Seq2Seq model on pairs, as a table or as a JSON line."""
    require_extra("train", "evaluating a Seq2Seq model")
    names = arguments.text, arguments.source, arguments.target
    reading = PairReading(arguments.columns, arguments.encoding, arguments.errors, arguments.newlines)
    info = run.read_config().corpus_as(PairCorpusInfo)
    find_layouts = (lambda files: info.recorded_layouts) if arguments.held_out else None
    pairs = read_pairs(names, SEQ2SEQ.input_choices[0], reading, find_layouts)
    if pairs is None:
        raise UsageError("name pairs to evaluate on: a table, or two files by --source and --target")
    messages = [*pairs.notes, *([pairs.dropped.message] if pairs.dropped.count else [])]
    if arguments.held_out:
        from rnntui.training.prepare_seq2seq import held_out_pairs

        total, pairs = len(pairs.rows), held_out_pairs(run, pairs)
        unseen = "sources do not occur in the training pairs" if info.split == "source" else _UNSEEN_SENTENCES
        messages.append(
            f"evaluating on {len(pairs.rows):,} of {total:,} pairs: the pairs held out from run {run.name}; "
            f"their {unseen}"
        )
    for message in messages:
        print_note(message)
    if arguments.save is not None:
        save_rows(arguments.save, pairs.rows)
    with ProgressBar("evaluating", is_immediate=True) as bar:
        prepare_for_torch()
        from rnntui.formatting import few_names
        from rnntui.training.evaluate_seq2seq import evaluate_seq2seq_run
        from rnntui.training.evaluation import EvaluationMonitor

        beam, monitor = BeamConfig(beam=arguments.beam), EvaluationMonitor(report=bar.update)
        evaluation, scores, unknown = evaluate_seq2seq_run(
            run, pairs, beam, arguments.bleu_tokenizer, arguments.threads, monitor
        )
    warn_unknown_characters(unknown, few_names(pairs.display_names))
    if scores.short_references > 50:
        print_note(
            f"BLEU is not informative here: it counts sequences of four tokens, and {scores.short_references:.0f}% of "
            f"the targets have fewer; compare exact matches and chrF"
        )
    if arguments.as_json:
        values = {
            "run": run.name,
            "text": list(pairs.display_names),
            "pairs": len(pairs.rows),
            "held_out": arguments.held_out,
        }
        loss = {"loss": evaluation.loss, "perplexity": evaluation.perplexity, "tokens": evaluation.tokens}
        write_out(json.dumps({**values, "beam": arguments.beam, **loss, **asdict(scores)}) + "\n")
        return
    table = plain_table(has_header=False)
    table.add_row(
        "loss",
        f"{evaluation.loss:.4f}",
        f"nats a token, over {evaluation.tokens:,} tokens of {len(pairs.rows):,} pairs",
    )
    table.add_row("perplexity", f"{evaluation.perplexity:,.4f}", "")
    table.add_row(BLEU.label, BLEU.text(scores.bleu), f"beam {arguments.beam}, {scores.bleu_signature}")
    table.add_row(CHRF.label, CHRF.text(scores.chrf), scores.chrf_signature)
    table.add_row(EXACT.label, EXACT.text(scores.exact), "% of lines that equal their target")
    write_table(table)
