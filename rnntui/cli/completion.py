"""`rnntui completion`: the script by which a shell completes rnntui; completion of runs, files and folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from rnntui.cli.terminal import COMPLETION_VARIABLE, write_out
from rnntui.errors import RnntuiError, UsageError

if TYPE_CHECKING:
    from rnntui.kinds.model_kind import ModelKind

SHELLS = ("bash", "zsh", "fish")
_OF_LANGUAGE_MODELS = {"score": "sample", "index": "sample"}  # commands that use the same runs as another
_TRAINS_AS = {"tune": "train"}  # commands with the inputs of one that trains
_RUN_FLAGS = {"--run", "--runs", "--from"}

Complete = Callable[[click.Context, str], list[CompletionItem]]


def _known_shell(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Return the name of a shell. A click callback; raises `UsageError` for one that cannot be completed."""
    if value not in SHELLS:
        *others, last = SHELLS
        raise UsageError(f"no completion for {value!r}", hint=f"there is one for {', '.join(others)} and {last}")
    return value


@click.command("completion")
@click.argument(
    "shell", metavar=f"{{{'|'.join(SHELLS)}}}", callback=_known_shell,
    shell_complete=lambda context, parameter, begun: [shell for shell in SHELLS if shell.startswith(begun)],
)  # fmt: skip
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that completes rnntui in a shell: commands, flags and their values, runs by name, and files.

    \b
    bash, in ~/.bashrc:  eval "$(rnntui completion bash)"
    zsh, in ~/.zshrc, behind compinit:  eval "$(rnntui completion zsh)"
    fish:  rnntui completion fish > ~/.config/fish/completions/rnntui.fish
    """
    script = get_completion_class(shell)
    assert script is not None
    write_out(script(context.find_root().command, {}, "rnntui", COMPLETION_VARIABLE).source())


def complete_values(command_name: str, command: click.Command) -> None:
    """Let the parameters of a command complete runs and files. For a process that only completes a command line."""
    for parameter in command.params:
        complete = _completion_of(command_name, parameter)
        if complete is not None:
            parameter.type = _CompletedText(complete)


class _CompletedText(click.ParamType[Any]):
    """Text as it is, which a shell completes by a function of the context and what is typed so far."""

    name = "text"

    def __init__(self, complete: Complete) -> None:
        self._complete = complete

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return self._complete(ctx, incomplete)


def _completion_of(command_name: str, parameter: click.Parameter) -> Complete | None:
    """Return what completes a parameter; None for what a shell cannot know, and for what click completes itself."""
    from rnntui.kinds.classifier import CLASSIFIER
    from rnntui.kinds.language_model import LANGUAGE_MODEL
    from rnntui.kinds.registry import KINDS

    trained = next(
        (kind for kind in KINDS.values() if kind.command == _TRAINS_AS.get(command_name, command_name)), None
    )
    metavar = parameter.metavar or ""
    if metavar == "FOLDER":
        return _folders
    is_input = isinstance(parameter, click.Argument) and (trained is not None or command_name == "evaluate")
    if metavar.strip("[].") == "FILE" or is_input:
        return _files
    if trained is not None and parameter.name == "name":  # of the run to resume
        return lambda context, typed: _runs(context, typed, (trained,)) if context.params.get("resume") else []
    if _RUN_FLAGS & {*parameter.opts} or parameter.name == "run" or metavar.strip("[].") == "RUN":
        of_command = _OF_LANGUAGE_MODELS.get(command_name, command_name)
        kinds = tuple(kind for kind in KINDS.values() if kind.use.command == of_command)
        if "--runs" in parameter.opts:
            kinds = (LANGUAGE_MODEL,)
        elif "--from" in parameter.opts and trained is not None:
            # A classifier is made of a language model, or of another classifier.
            kinds = (LANGUAGE_MODEL, CLASSIFIER) if trained is CLASSIFIER else (trained,)
        return lambda context, typed: _runs(context, typed, kinds)
    return None


def _files(context: click.Context, typed: str) -> list[CompletionItem]:
    return [CompletionItem(typed, type="file")]


def _folders(context: click.Context, typed: str) -> list[CompletionItem]:
    return [CompletionItem(typed, type="dir")]


def _runs(context: click.Context, typed: str, kinds: Sequence[ModelKind]) -> list[CompletionItem]:
    """Return the runs whose name begins with what is typed, behind the last comma of a list; folders for a path."""
    before, comma, name = typed.rpartition(",")
    if "/" in name:
        return _folders(context, typed)
    return [
        CompletionItem(f"{before}{comma}{run}", help=title)
        for run, title in _runs_of(context.params.get("checkpoints"), kinds)
        if run.startswith(name) and run not in before.split(",")
    ]


def _runs_of(checkpoints: str | None, kinds: Sequence[ModelKind]) -> Iterator[tuple[str, str]]:
    """Yield the name and the title of each of the user's and the shipped runs of some kinds; of all without any.

    Names that a terminal must not be shown are left out: the shell would write them as they are.
    """
    from rnntui.kinds.registry import title_of
    from rnntui.runs.lookup import checkpoints_folder, kind_id_of, runs_in, shipped_runs
    from rnntui.text.control_chars import one_line

    try:
        runs = runs_in(checkpoints_folder(checkpoints))
    except (RnntuiError, OSError):
        runs = []
    named = {run.name: run for run in (*shipped_runs(), *runs)}
    for name, run in sorted(named.items()):
        kind_id = kind_id_of(run)
        if kind_id is not None and name == one_line(name) and (not kinds or kind_id in [kind.id for kind in kinds]):
            yield name, title_of(kind_id)
