"""A click group that imports a command only to run it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from rnntui.cli.help_examples import examples_epilog
from rnntui.cli.terminal import COMPLETION_VARIABLE

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """A group that knows its commands by name.

    Args:
        descriptions: a line about each command, by name; repeated here so that help is quick.
        prefix: begins the module's name, as `inspect_` in `rnntui.cli.inspect_gradients`, and the command's full name,
            as in `inspect gradients`.
        attributes: `module:attribute` of commands that share a module; others are `command` in a module of their own.
    """

    def __init__(
        self,
        *arguments: Any,
        descriptions: Mapping[str, str],
        prefix: str = "",
        attributes: Mapping[str, str] | None = None,
        **keywords: Any,
    ) -> None:
        super().__init__(*arguments, **keywords)
        self._descriptions, self._prefix, self._attributes = descriptions, prefix, attributes or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._descriptions)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._descriptions:
            return None
        module, _, attribute = self._attributes.get(cmd_name, f"{cmd_name.replace('-', '_')}:command").partition(":")
        command: click.Command = getattr(importlib.import_module(f"rnntui.cli.{self._prefix}{module}"), attribute)
        full_name = f"{self._prefix.replace('_', ' ')}{cmd_name}"
        if not any(parameter.name == "debug" for parameter in command.params):
            command.params.append(debug_option())
            from rnntui.cli.options import refuse_empty_text

            for parameter in command.params:
                if isinstance(parameter, click.Option) and parameter.name != "debug":
                    refuse_empty_text(parameter)
            command.epilog = examples_epilog(full_name)
            if COMPLETION_VARIABLE in os.environ:
                from rnntui.cli.completion import complete_values

                complete_values(full_name, command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin with what is typed, without importing them, and the flags."""
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=text) for name, text in self._descriptions.items() if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._descriptions.items()))


def debug_option() -> click.Option:
    """Return `--debug`, which `main.run` finds in the arguments: it works anywhere, and for errors of the parser."""
    return click.Option(["--debug"], is_flag=True, expose_value=False, help="Show tracebacks.")
