"""README and the guide, held to the code: their option tables, commands, figures of settings, links."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import option_tables
import pytest

from rnntui.config import FINAL_EVALUATION_FACTOR, TrainerConfig
from rnntui.config_generation import GenerationConfig

ROOT = Path(__file__).resolve().parents[2]
GUIDE = "\n".join(page.read_text("utf-8") for page in option_tables.USER_PAGES)
"""README and all pages of the guide."""

PAGES = [
    *(page.relative_to(ROOT).as_posix() for page in option_tables.USER_PAGES),
    *("ARCHITECTURE.md", "RELIABILITY.md", "SCALING.md", "docs/README.md", "corpora/README.md", "benchmarks/README.md"),
]


def commands_in(text: str) -> Iterator[list[str]]:
    """The words of every `rnntui` command in the code blocks and code spans of a page."""
    blocks = re.findall(r"```\n(.*?)```", text, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`(rnntui [^`\n]*)`", text)
    for line in lines:
        words = shlex.shlex(line.removeprefix("$ ").replace("$'", "'"), posix=True, punctuation_chars=True)
        words.whitespace_split = True
        command: list[str] = []
        for word in [*words, "|"]:
            if word in ("|", "<", ">", "&&"):
                if command[:1] == ["rnntui"] and len(command) > 1 and not command[1].startswith("-"):
                    yield command[1:]
                command = []
            else:
                command.append(word)


def top_level_names(module: ast.Module) -> set[str]:
    """The functions, classes and variables that a module defines."""
    names: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {inner.id for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Name)}
    return names


def slug(heading: str) -> str:
    """The anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_option_tables_are_those_of_the_settings() -> None:
    assert option_tables.update(GUIDE) == GUIDE, "run: python tests/house/option_tables.py --write"


@pytest.mark.parametrize("command", option_tables.GROUPS)
def test_the_tables_have_every_flag_of_a_command(command: str) -> None:
    assert f"<!-- options: {command} -->\n\n<details>" in GUIDE
    tables = option_tables.option_tables(command)
    rows = [line.split("|")[1] for line in tables.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(--[\w-]+)`", "".join(rows))) == sorted(option_tables.flags_of(command))


def test_a_table_that_differs_is_noticed() -> None:
    changed = GUIDE.replace("| `--bptt` | 32 |", "| `--bptt` | 33 |")
    assert changed != GUIDE and option_tables.update(changed) == GUIDE


def test_every_command_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for settings_file in re.findall(r"--config (\S+\.toml)", GUIDE):
        Path(settings_file).touch()
    commands = list(commands_in(GUIDE))
    assert len(commands) > 35
    for name, *arguments in commands:
        if name != "COMMAND" and "--help" not in arguments:
            option_tables.click_command(name).make_context(name, arguments)


def test_every_benchmark_and_its_flags_exist() -> None:
    lines = re.findall(r"benchmarks/\w+\.py[^`\n]*", GUIDE + (ROOT / "benchmarks" / "README.md").read_text("utf-8"))
    assert len(lines) > 10
    for line in lines:
        script, *words = line.split()
        source = (ROOT / script).read_text("utf-8")
        for flag in (word for word in words if word.startswith("--")):
            assert f'"{flag}"' in source, line


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "benchmarks").glob("*.py")))
def test_a_benchmark_imports_what_exists(script: str) -> None:
    for node in ast.walk(ast.parse((ROOT / "benchmarks" / script).read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("rnntui"):
            path = ROOT / node.module.replace(".", "/")
            module = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
            defined = top_level_names(ast.parse(module.read_text("utf-8")))
            assert {alias.name for alias in node.names} <= defined, node.module


def test_the_recipe_of_the_shipped_models_is_that_of_the_makefile() -> None:
    def training(text: str) -> list[list[str]]:
        text = text.replace("\\\n", " ").replace("$(BIN)/", "")
        lines = [line.split() for line in text.splitlines() if "build/model" in line]
        return [words for words in lines if words[0] == "rnntui"]

    ours = GUIDE[GUIDE.index("`make models` trains them") :]
    assert training(ours) == training((ROOT / "Makefile").read_text("utf-8")) != []


def test_figures_of_settings_are_those_of_the_code() -> None:
    text = " ".join(GUIDE.split())
    tokens = TrainerConfig().eval_tokens
    assert f"An evaluation reads {tokens:,} tokens" in text
    assert f"four times as many, {FINAL_EVALUATION_FACTOR * tokens:,}" in text and FINAL_EVALUATION_FACTOR == 4
    assert f"({GenerationConfig().length} by default, as in the app)" in text
    [sample] = [option for option in option_tables.click_command("sample").params if option.name == "length"]
    assert sample.default == GenerationConfig().length


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = (ROOT / page).parent / path if path else ROOT / page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text("utf-8"), flags=re.MULTILINE)
            assert anchor in map(slug, headings), target
