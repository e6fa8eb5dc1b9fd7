"""The command `rnntui`: dispatches to the subcommands, and turns errors into one line and an exit code."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from rnntui import __version__
from rnntui.cli.lazy_group import LazyGroup, debug_option
from rnntui.cli.standard_streams import OutputClosedError, standard_streams
from rnntui.cli.terminal import print_note, write_note
from rnntui.errors import INTERRUPTED_EXIT_CODE, RnntuiError, did_you_mean, os_error_hint
from rnntui.system_memory import is_out_of_memory
from rnntui.text.control_chars import escape_control_chars, one_line

# Descriptions are repeated here so that help is quick: a command's module is imported only to run it.
COMMANDS = {
    "chat": "Open the terminal app: write, translate, watch training.",
    "train": "Train a language model on a text.",
    "train-seq2seq": "Train a Seq2Seq model on pairs: translation, or any two columns.",
    "train-classifier": "Train a classifier on labelled texts: sentiment, language, author.",
    "tune": "Search for the settings with which a language model learns a text best.",
    "translate": "Translate lines with a trained Seq2Seq model.",
    "classify": "Classify lines with a trained classifier, or by the language model that fits best.",
    "sample": "Sample text from a trained language model.",
    "runs": "List runs, sorted and filtered.",
    "show": "Describe a run, or compare runs side by side.",
    "rename": "Rename a run.",
    "delete": "Delete runs.",
    "note": "Write a note on a run, or print it.",
    "verify": "Check that the files of runs are as they were written; repair them.",
    "curves": "Draw the metrics of runs, or write them as data.",
    "index": "Index the training text of a language model, to find copies from it.",
    "evaluate": "Evaluate a model on a text, pairs or labelled texts: loss, BLEU, accuracy.",
    "inspect": "Look inside a model: gradients, how far back it looks.",
    "report": "Write a page about a run for a browser.",
    "export": "Write a model as ONNX, as one Python file, or as a small copy.",
    "serve": "Serve models over HTTP: OpenAI and LibreTranslate APIs, or the app in a browser.",
    "score": "Score lines by their log-probability and bits per character.",
    "licenses": "List the licences of libraries, shipped models and corpora.",
    "completion": "Print the script that completes rnntui in bash, zsh or fish.",
}
_ATTRIBUTES = {name: f"manage_runs:{name}_command" for name in ("rename", "delete", "note")}
"""Commands that share a module; any other is `command` in the module of its name."""


_SHOWN_START, _SHOWN_END = 200, 60
_LONG_WORD = re.compile(r"\S{400,}")  # a value of an option, or the name of a file, that would bury the message


@click.group(
    cls=LazyGroup,
    descriptions=COMMANDS,
    attributes=_ATTRIBUTES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="rnntui", message="%(prog)s %(version)s")
def cli() -> None:
    """Train small recurrent models on your own text or pairs of text, and use them in the terminal.

    \b
    rnntui train corpus.txt              train for five minutes
    rnntui sample --prompt "Once "       sample from the newest model
    rnntui COMMAND --help                all options of a command
    """


cli.params.append(debug_option())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; an error is reported in one line on stderr."""
    with standard_streams():
        return _run(list(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: Sequence[str]) -> int:
    debug = "--debug" in arguments
    try:
        code = cli.main(list(arguments), prog_name="rnntui", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        write_note(f"{error.ctx.get_help() if error.ctx else error}\n")
        return 2
    except click.ClickException as error:
        return _report(_one_line(error, arguments), error.exit_code)
    except (OutputClosedError, BrokenPipeError):
        return 0
    except (KeyboardInterrupt, click.Abort):
        return _report("interrupted", INTERRUPTED_EXIT_CODE)
    except RnntuiError as error:
        if debug:
            return _report_traceback(error.exit_code)
        return _report(str(error), error.exit_code)
    except Exception as error:
        if debug:
            return _report_traceback(1)
        if is_out_of_memory(error):
            return _report(f"out of memory; {_memory_advice(arguments)}", 1)
        if isinstance(error, OSError):
            problem = f"{error.filename or 'cannot read or write'}: {error.strerror or error}"
            return _report(f"{problem}; {os_error_hint(error, '--debug shows where')}", 1)
        return _report(f"unexpected {type(error).__name__}: {error} (this is a bug; --debug shows where)", 1)


def _memory_advice(arguments: Sequence[str]) -> str:
    """Return advice for a command that has run out of memory."""
    from rnntui.kinds.registry import KINDS

    command = next((argument for argument in arguments if argument in COMMANDS), "")
    command = {"tune": "train"}.get(command, command)
    for kind in KINDS.values():
        if kind.command == command:
            return kind.memory_advice
    advice = {"translate": "lower --beam", "sample": "lower --samples"}
    return advice.get(command, "close other programs, or use a smaller model")


def _one_line(error: click.ClickException, arguments: Sequence[str]) -> str:
    message = error.format_message().replace("\n", " ")
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    hint = ""
    if isinstance(error, click.NoSuchOption):
        from rnntui.cli.options import long_flags
        from rnntui.runs.format_1 import RENAMED_SETTINGS
        from rnntui.settings import flag_of

        renamed = {flag_of(old): flag_of(new) for old, new in RENAMED_SETTINGS["training"].items()}
        if error.option_name in renamed:
            message = f"{error.option_name} is now called {renamed[error.option_name]}"
        else:
            option = _typed_option(error.option_name, arguments)
            message = f"No such option '{option}'."
            hint = did_you_mean(option.lstrip("-"), long_flags(context), limit=3, dashes="--")
    elif isinstance(error, click.exceptions.NoSuchCommand):
        message = error.message
        flags = [flag for known in context.command.get_params(context) for flag in known.opts]
        flag = f"--{error.command_name}"  # such as in `rnntui help`
        commands = context.command.list_commands(context)
        hint = f"did you mean {flag}?" if flag in flags else did_you_mean(error.command_name, commands, limit=3)
    if hint:
        message = f"{message} {hint[0].upper()}{hint[1:]}"
    return f"{message} (see {context.command_path} --help)"


def _typed_option(name: str, arguments: Sequence[str]) -> str:
    """Return an unknown option as it was typed: click takes -seed for the options -s, -e, and so on."""
    if len(name) > 2:
        return name
    glued = [argument.partition("=")[0] for argument in arguments if re.match("-[^-]", argument)]
    begun = [word for word in glued if word.startswith(name)]  # others begin with flags that there are, as -hidden
    return [*begun, *(word for word in glued if name[1] in word), name][0]


def _report(message: str, code: int) -> int:
    print_note(_LONG_WORD.sub(_cut, one_line(message.rstrip())))
    return code


def _report_traceback(code: int) -> int:
    """Print the traceback of the exception that is being handled; its message may quote anything."""
    import traceback

    write_note(f"{escape_control_chars(traceback.format_exc().rstrip())}\n")
    return code


def _cut(word: re.Match[str]) -> str:
    return f"{word[0][:_SHOWN_START]}…{word[0][-_SHOWN_END:]}"


def main() -> NoReturn:
    """Entry point of the `rnntui` script."""
    sys.exit(run())
