"""`rnntui export`: a trained model in other forms, for other programs and for readers."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from rnntui.cli.options import checkpoints_option, number_option
from rnntui.cli.run_choice import choose_run
from rnntui.cli.terminal import check_new_file, file_argument, new_file_argument, print_note, utf8_argument
from rnntui.errors import CorpusError, UsageError
from rnntui.formatting import format_bytes
from rnntui.runs.folder import RunFolder


@click.command("export")
@click.argument("name", metavar="[RUN]", required=False, callback=utf8_argument)
@checkpoints_option
@click.option(
    "--onnx", metavar="FOLDER", callback=new_file_argument,
    help="Write ONNX models to a new folder, with a description and a program that uses them; or, for a language model "
    "or a classifier, one model to a new file, FILE.onnx.",
)  # fmt: skip
@click.option(
    "--int8",
    "is_int8",
    is_flag=True,
    help="With --onnx: weights of 8 bits; says what they cost, if onnxruntime is there.",
)
@click.option(
    "--text", "text_file", metavar="FILE", callback=file_argument,
    help="With --int8: measure what it costs on the beginning of this text; for a Seq2Seq model or a classifier, on "
    "its lines [default: on texts that the model writes, or on the run's samples].",
)  # fmt: skip
@click.option(
    "--single-file", metavar="FILE", callback=new_file_argument,
    help="Write a language model as one Python program: less than 200 lines, and the weights; it needs numpy alone.",
)  # fmt: skip
@click.option(
    "--tensorboard", metavar="FOLDER", callback=new_file_argument,
    help="Write the run's metrics and samples to a new folder as event files, which TensorBoard shows.",
)  # fmt: skip
@click.option(
    "--copy", metavar="FOLDER", callback=new_file_argument,
    help="Write a small copy of the run to pass on: weights in float16, nothing to resume from.",
)  # fmt: skip
@number_option(
    "--ngram-minimum", bounds=(1, 1_000_000_000), metavar="N", default=1, show_default=True,
    help="With --copy: leave out contexts of the n-gram prior that were seen fewer than N times in the training text.",
)  # fmt: skip
def command(
    name: str | None,
    checkpoints: str | None,
    onnx: str | None,
    is_int8: bool,
    text_file: str | None,
    single_file: str | None,
    tensorboard: str | None,
    copy: str | None,
    ngram_minimum: int,
) -> None:
    """Write a trained model in another form.

    RUN is a name or a path [default: the newest run, else the shipped model].

    An ONNX model takes token ids and gives logits; what a model remembers goes in and out as a state. The lengths of
    texts and the number of texts are free. If onnxruntime is installed (pip install 'rnntui[fast]'), the result is
    checked before it is written: its logits are those of the model, to 1e-4, in texts of several lengths and numbers.
    """
    targets = [target for target in (onnx, single_file, tensorboard, copy) if target]
    if not targets:
        raise UsageError("name a form and where to write it, as in --onnx FOLDER or --single-file FILE.py")
    if is_int8 and onnx is None:
        raise UsageError("--int8 goes with --onnx")
    if text_file is not None and not is_int8:
        raise UsageError("--text goes with --int8")
    if ngram_minimum > 1 and copy is None:
        raise UsageError("--ngram-minimum goes with --copy")
    run = choose_run(name, checkpoints, None)
    for target in targets:
        if Path(target).exists():
            raise UsageError(f"{target} exists and is not replaced", hint="name another one")
    if single_file is not None:
        check_new_file("--single-file", single_file)
    if onnx is not None and onnx.endswith(".onnx"):  # one file
        check_new_file("--onnx", onnx)
    if onnx is not None:
        _export_onnx(run, Path(onnx), is_int8, _beginning(text_file) if text_file is not None else "")
    if single_file is not None:
        _export_single_file(run, Path(single_file))
    if copy is not None:
        from rnntui.exporting.small_copy import export_run

        export_run(run, Path(copy), ngram_minimum)
        print_note(f"saved {copy}")
        if ngram_minimum > 1:
            print_note("the losses that it reports are those with all n-grams; rnntui evaluate measures its own")
    if tensorboard is not None:
        _export_events(run, Path(tensorboard))


def _export_events(run: RunFolder, target: Path) -> None:
    from rnntui.atomic_files import atomic_folder
    from rnntui.runs.metrics_log import metrics_rows
    from rnntui.runs.tensorboard_log import TensorBoardLog

    created = run.read_config().created
    with atomic_folder(target) as folder, contextlib.closing(TensorBoardLog(folder)) as log:
        for row in metrics_rows(run.metrics_file):
            seconds = row.get("seconds")
            log.write(row, created + seconds if isinstance(seconds, float) else created)
    print_note(f"saved {target}; look at it with: tensorboard --logdir {target}")


def _beginning(file: str) -> str:
    """Return the beginning of a text, up to a million characters. Raises `CorpusError` if it is blank."""
    from rnntui.text.corpus import find_corpus

    text = next(find_corpus([file]).blocks(), "")
    if not text.strip():
        raise CorpusError(f"{file} is blank", hint="name a file with text")
    return text


def _export_onnx(run: RunFolder, target: Path, is_int8: bool, text: str) -> None:
    from rnntui.exporting.onnx_export import export_onnx

    result = export_onnx(run, target, is_int8, text)
    files = ", ".join(f"{name} {format_bytes(size)}" for name, size in result.files.items())
    print_note(f"saved {target}: {files}")
    if result.difference is not None:
        print_note(f"checked by onnxruntime: logits differ from those of the model by {result.difference:.1e} at most")
    elif result.cost:
        print_note(f"weights of 8 bits: {result.cost}")
    else:
        print_note("not checked: that needs onnxruntime (pip install 'rnntui[fast]')")


def _export_single_file(run: RunFolder, target: Path) -> None:
    from rnntui.exporting.single_file import export_single_file

    result = export_single_file(run, target)
    rounding = (
        f"; rounding weights to float16 changes logits by {result.difference:.1g} at most" if result.difference else ""
    )
    print_note(f"saved {target}, {result.code_lines} lines and {format_bytes(result.size)} with the weights{rounding}")
    print_note(f'use it with: python {target} "The beginning"')
