"""`rnntui translate`: translations of a text, of each line of standard input, or of a subtitle file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.line_input import MAX_BATCH, NumberedLine, TextReading, file_option
from rnntui.cli.line_jobs import LineFunction, LineJobOptions, LineResult, run_line_job
from rnntui.cli.line_output import open_output, output_options, run_identity
from rnntui.cli.options import checkpoints_option, corpus_options, run_option, settings_from, settings_options
from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.run_choice import choose_run
from rnntui.cli.terminal import print_note, utf8_argument
from rnntui.cli.translate_input import InputFormat, Subtitles, read_input
from rnntui.config import PoolConfig
from rnntui.config_seq2seq import BeamConfig, LineConfig
from rnntui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rnntui.api import LineHypothesis, Translation, TranslationModel
    from rnntui.runs.folder import RunFolder
    from rnntui.text.subtitles import SubtitleText

_LONG_INPUT = 500  # lines
_SUBTITLES_BATCH = 512  # pieces of a subtitle file


@click.command("translate")
@click.argument("text", nargs=-1, callback=utf8_argument)
@file_option
@run_option
@checkpoints_option
@settings_options(BeamConfig, LineConfig)
@corpus_options
@click.option(
    "--format",
    "input_format",
    type=click.Choice(get_args(InputFormat)),
    default="auto",
    show_default=True,
    help="Format of the input; auto: subtitles by the suffix of a file or the beginning of standard input, else text.",
)
@output_options
@settings_options(PoolConfig)
@click.option(
    "--json", "as_json", is_flag=True, help="Write a JSON line for each line, with scores, tokens and attention."
)
@click.pass_context
def command(
    context: click.Context,
    /,
    text: tuple[str, ...],
    files: tuple[str, ...],
    run_name: str | None,
    checkpoints: str | None,
    encoding: str,
    errors: Any,
    newlines: Any,
    input_format: InputFormat,
    output: str | None,
    resume: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Translate each TEXT, or each line of the files of --file, or of standard input; a blank line stays blank.

    Each translation is written as soon as it is ready; lines of a file are translated in batches, with the same result.
    With --n-best above 1, the translations of an input line are written one per line, followed by a blank line.

    A subtitle file (.srt or .vtt) may be given as TEXT, by --file, or on standard input: its texts are translated, and
    everything else stays unchanged.
    """
    settings = settings_from(BeamConfig, values)
    settings.check()
    pool = settings_from(PoolConfig, values)
    source = read_input(text, files, input_format, TextReading(encoding, errors, newlines))
    if isinstance(source, Subtitles) and settings.n_best > 1 and not as_json:
        raise UsageError("--n-best of subtitles needs --json", setting="n_best")
    use_one_blas_thread()
    from rnntui.kinds.seq2seq import SEQ2SEQ

    run = choose_run(run_name, checkpoints, SEQ2SEQ)
    job = _TranslationJob(run, settings_from(LineConfig, values), settings, as_json)
    refusal = ""
    if isinstance(source, Subtitles):
        refusal = "a subtitle file is translated in one go"
    elif settings.n_best > 1 and not as_json:
        refusal = "with --n-best, an answer has no certain number of lines, but for --json"
    with (
        open_output(context, run_identity(run), refusal) as lines,
        ProgressBar("translating", is_wanted=not lines.is_terminal) as bar,
    ):
        if not isinstance(source, Subtitles):
            run_line_job(job, source, lines, bar, LineJobOptions(pool.jobs, _LONG_INPUT, MAX_BATCH))
            return
        for piece, translation in _translated_subtitles(source, job.load_model(), settings, bar):
            if as_json and translation is not None:
                lines.write(_json(translation, run.name))
            elif not as_json:
                lines.write(piece)


@dataclass(frozen=True)
class _TranslationJob:
    run: RunFolder
    line_settings: LineConfig
    beam: BeamConfig
    as_json: bool

    def load_model(self) -> TranslationModel:
        from rnntui.api import TranslationModel

        return TranslationModel(self.run, self.line_settings.split_sentences)

    def load(self, workers: int) -> LineFunction:
        model, name = self.load_model(), self.run.name

        def translate(batch: list[NumberedLine], on_progress: Callable[[float], None] | None = None) -> LineResult:
            notes = [note for line in batch for note in model.warnings_for(line.text, line.label)]
            texts = [line.text for line in batch]
            translations = model.translate(texts, on_progress=on_progress, workers=workers, **vars(self.beam))
            outputs = [_json(each, name) if self.as_json else _plain(each, self.beam.n_best) for each in translations]
            return LineResult("".join(outputs), tuple(notes))

        return translate


def _translated_subtitles(
    source: Subtitles, model: TranslationModel, settings: BeamConfig, bar: ProgressBar
) -> Iterator[tuple[str, Translation | None]]:
    """Yield each piece of a file, translated if it is a text; then with its translation."""
    from rnntui.text.subtitles import SubtitleText, parse_subtitles

    line_number = 1
    pieces: list[tuple[int, str | SubtitleText]] = []
    for piece in parse_subtitles(source.text, source.format):
        original = piece if isinstance(piece, str) else piece.original
        pieces.append((line_number, piece))
        line_number += original.count("\n") or original.count("\r")
    if source.text.strip() and not any(isinstance(piece, SubtitleText) for _, piece in pieces):
        print_note("no subtitles found in the input: it is left as it is; --format text translates its lines")
    for start in range(0, len(pieces), _SUBTITLES_BATCH):
        batch = pieces[start : start + _SUBTITLES_BATCH]
        texts = [(number, piece.text) for number, piece in batch if isinstance(piece, SubtitleText)]
        for number, text in texts:
            _warn(model, text, f"line {number}")
        report = bar.lines_of_batch(start, len(batch), len(pieces))
        sources = [text for _, text in texts]
        translations = iter(model.translate(sources, on_progress=report, **vars(settings)))
        for _, piece in batch:
            if isinstance(piece, str):
                yield piece, None
            else:
                translation = next(translations)
                yield piece.translated(translation.text), translation


def _warn(model: TranslationModel, line: str, label: str) -> None:
    for warning in model.warnings_for(line, label):
        print_note(warning)


def _plain(translation: Translation, n_best: int) -> str:
    if n_best == 1:
        return translation.text + "\n"
    return "".join(f"{hypothesis.text}\n" for hypothesis in translation.hypotheses) + "\n"


def _json(translation: Translation, run: str) -> str:
    values: dict[str, object] = {
        "run": run,
        "source": translation.source,
        "translation": translation.text,
        "source_tokens": translation.source_tokens,
        "hypotheses": [
            {
                "text": hypothesis.text,
                "score": round(hypothesis.score, 4),
                "log_probability": round(hypothesis.log_probability, 4),
                "tokens": hypothesis.tokens,
                "attention": [[round(float(weight), 4) for weight in row] for row in hypothesis.attention],
            }
            for hypothesis in translation.hypotheses
        ],
    }
    if translation.unchanged:
        values["unchanged"] = True
    if len(translation.sentences) > 1 and translation.hypotheses:
        values["sentences"] = _sentences(translation, translation.hypotheses[0])
    return json.dumps(values) + "\n"


def _sentences(translation: Translation, best: LineHypothesis) -> list[dict[str, object]]:
    """Return the sentences of a line, with their spans in it and in its best translation."""
    return [
        {
            "source": translation.source[slice(*sentence.span)],
            "translation": part.text,
            "source_span": sentence.span,
            "target_span": best.part_span(index),
            **({"unchanged": True} if sentence.unchanged else {}),
        }
        for index, (sentence, part) in enumerate(zip(translation.sentences, best.parts, strict=True))
    ]
