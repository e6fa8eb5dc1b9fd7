"""Option tables of the guide, generated from the settings and the commands.

`python tests/house/option_tables.py --write` rewrites the text between `<!-- options: COMMAND -->` and
`<!-- end of options -->`; without `--write` it prints the tables.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import click

from rnntui.cli.main import cli
from rnntui.config_generation import SamplingConfig
from rnntui.config_seq2seq import BeamConfig, LineConfig
from rnntui.config_tuning import TuningConfig
from rnntui.kinds.registry import KINDS
from rnntui.serving.server_config import ServerConfig
from rnntui.settings import Settings, flag_of, is_bool, settings_of

ROOT = Path(__file__).resolve().parents[2]
USER_PAGES = (ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md")))
"""The pages that tell users what rnntui does."""

HEADER = "| flag | default | values | |\n|---|---|---|---|"
NONE = "–"

GROUPS: dict[str, dict[str, type[Settings]]] = {
    **{kind.command: kind.settings for kind in KINDS.values()},
    "sample": {"Sampling": SamplingConfig},
    "translate": {"Beam search": BeamConfig, "Lines": LineConfig},
    "classify": {},
    "serve": {"Address and limits": ServerConfig},
    "tune": {"Search": TuningConfig},
}
"""Settings of each command by heading; the command's other flags follow under headings of their own."""

_FLAGS_OF_ANOTHER = {"tune": "train"}
"""Commands that take the flags of another one, in whose tables they are."""

_INPUTS, _OTHERS = "Input files", "Run, files and output"
_DEFAULT_IN_HELP = re.compile(r"\s*\[default: (.*)\]\.?$")
_BOUNDS_IN_HELP = re.compile(r"\.\s*\[(?:between )?(.*)\]$")  # of a flag that belongs to a single setting
_FLAG = re.compile(r"(?<![\w`-])--?[a-z][\w-]*")


def option_tables(command: str) -> str:
    """Return the tables of a command in Markdown: one for each group of flags, each in a `<details>` block."""
    return "\n\n".join(
        f"<details>\n<summary>{command}: {heading}</summary>\n\n{HEADER}\n" + "\n".join(rows) + "\n\n</details>"
        for heading, rows in _tables(command)
    )


def update(text: str) -> str:
    """Return a page with its option tables made anew."""
    return re.sub(
        r"(<!-- options: ([\w-]+) -->\n).*?(<!-- end of options -->)",
        lambda match: f"{match[1]}\n{option_tables(match[2])}\n\n{match[3]}",
        text,
        flags=re.DOTALL,
    )


@cache
def flags_of(command: str) -> frozenset[str]:
    """Return the long flags of a command's own, the negative ones of switches included."""
    options = _own_options(command)
    return frozenset(
        flag for option in options for flag in (*option.opts, *option.secondary_opts) if flag.startswith("--")
    )


def click_command(name: str) -> click.Command:
    """Return the click command of that name."""
    command: click.Command | None = cli
    for word in name.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(click.Command("rnntui")), word)
    assert command is not None
    return command


def _tables(command: str) -> Iterator[tuple[str, list[str]]]:
    groups = GROUPS[command]
    settings = {
        setting.option_name for config_class in groups.values() for setting in settings_of(config_class).values()
    }
    kinds = [kind for kind in KINDS.values() if kind.command == command]
    inputs = {option.name for kind in kinds for option in (*kind.inputs, *kind.reading_options)}
    options = _own_options(command)
    named = [option for option in options if option.name in inputs]
    others = [option for option in options if option.name not in settings | inputs]
    if named:
        yield _INPUTS, [_row_of_option(option) for option in named]
    for heading, config_class in groups.items():
        yield heading, _rows_of_settings(config_class)
    yield _OTHERS, [_row_of_option(option) for option in others]


def _own_options(command: str) -> list[click.Option]:
    """Return the options of a command, without those that are just as another command has them."""
    options = [parameter for parameter in click_command(command).params if isinstance(parameter, click.Option)]
    if command not in _FLAGS_OF_ANOTHER:
        return options
    others = {(option.name, option.help) for option in _own_options(_FLAGS_OF_ANOTHER[command])}
    return [option for option in options if (option.name, option.help) not in others]


def _rows_of_settings(config_class: type[Settings]) -> list[str]:
    defaults = {f.name: f.default for f in fields(config_class)}
    rows = []
    for name, setting in settings_of(config_class).items():
        flag = flag_of(setting.option_name)
        flags = [flag, f"--no-{flag[2:]}"] if is_bool(config_class, name) else [flag]
        values = ", ".join(f"`{choice}`" for choice in setting.choices) or _bounds(setting.low, setting.high)
        default = (setting.none or None) if defaults[name] is None else defaults[name]
        rows.append(_row(flags, default, values, setting.help))
    return rows


def _row_of_option(option: click.Option) -> str:
    number = option.type
    values = ""
    if isinstance(number, click.IntRange):
        values = _bounds(number.min, number.max)
    elif isinstance(number, click.Choice):
        values = ", ".join(f"`{choice}`" for choice in number.choices)
    text = option.help or ""
    if bounds := _BOUNDS_IN_HELP.search(text):
        text, values = text[: bounds.start()], bounds[1].replace(" and ", " to ")
    default = None if option.is_flag and not option.secondary_opts else option.default
    return _row([*option.opts, *option.secondary_opts], default, values, text[:1].lower() + text[1:])


def _row(flags: list[str], default: object, values: str, text: str) -> str:
    default_in_help = _DEFAULT_IN_HELP.search(text)
    text = _DEFAULT_IN_HELP.sub("", text).removesuffix(".")
    shown = _shown(default) if default_in_help is None else _with_code(default_in_help[1])
    names = ", ".join(f"`{flag}`" for flag in flags)
    return f"| {names} | {shown} | {values} | {_with_code(text)} |"


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, str) and default:
        return f"`{default}`"
    return f"{default:.10g}" if isinstance(default, int | float) else NONE


def _bounds(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    return f"{low:,.10g} or more" if high is None else f"{low or 0:,.10g} to {high:,.10g}"


def _with_code(text: str) -> str:
    return _FLAG.sub(lambda match: f"`{match[0]}`", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="rewrite the pages")
    if parser.parse_args().write:
        for page in USER_PAGES:
            page.write_text(update(page.read_text("utf-8")), "utf-8")
    else:
        for command in GROUPS:
            print(option_tables(command))


if __name__ == "__main__":
    main()
