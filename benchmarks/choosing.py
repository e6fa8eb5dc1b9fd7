"""Measurements behind docs/choosing.md: one question at a time, on corpora of several sizes and with several budgets.

`run` trains the experiments of `choosing.toml` by the real command, as `recipes.py` does with its own (the held-out
part of a corpus is cut off first), and appends each result to a file of JSON lines; what is in it is not run again.
`table` writes a table for each question into the page, and one of the best answers by corpus and budget above them;
tables that are there stay where it has nothing newer.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from common import parted, parts_at_markers
from recipes import KEY, METRICS, run_experiments, tables
from training_runs import ResultsFile

FOLDER = Path(__file__).parent
METRIC = "bits_per_character"  # comparable between tokenizers
BEST = "best"
_NOT_MEASURED = "–"


def questions() -> dict[str, dict[str, str]]:
    """Return the experiments of each question: names and flags."""
    return tomllib.loads((FOLDER / "choosing.toml").read_text("utf-8"))


def run(arguments: argparse.Namespace, extra: Sequence[str]) -> None:
    """Run the experiments of questions, for each size of the corpus."""
    chosen = arguments.only or list(questions())
    if unknown := [name for name in chosen if name not in questions()]:
        sys.exit(f"choosing.py: no question {unknown[0]!r} in choosing.toml: {', '.join(questions())}")
    for question in chosen:
        for characters in arguments.characters or [None]:
            run_experiments(
                argparse.Namespace(**{**vars(arguments), "command": "train", "characters": characters}),
                questions()[question],
                extra,
            )


def question_of(row: Mapping[str, Any]) -> str | None:
    """Return the question that a result belongs to, by its flags; flags after -- come behind those of the question."""
    for question, experiments in questions().items():
        if row["flags"].startswith(experiments.get(row["experiment"], "\0")):
            return question
    return None


def table_of(question: str, rows: Sequence[Mapping[str, Any]], before: str = "") -> list[str]:
    """Return the lines of the tables of a question: one for each corpus and budget.

    Those that are in the text `before` stay, unless there are newer ones: their results may be on another machine.
    """
    own = [dict(row) for row in rows if question_of(row) == question]
    blocks = {**_blocks(before), **_blocks("\n".join(tables(own)))}
    return "\n\n".join(blocks.values()).split("\n") if blocks else ["Not measured yet.", ""]


def _blocks(text: str) -> dict[str, str]:
    """Return the tables of a text by their headings; tables with the same heading are one."""
    blocks: dict[str, str] = {}
    for block in re.split(r"^(?=### )", text, flags=re.MULTILINE):
        heading = block.partition("\n")[0]
        if heading.startswith("### "):
            blocks[heading] = "\n\n".join(filter(None, (blocks.get(heading), block.strip("\n"))))
    return blocks


def best_answers(rows: Sequence[Mapping[str, Any]], before: str = "") -> Iterator[str]:
    """Yield a table with the best experiment of each question for each corpus and budget, by bits per character.

    What the table in the text `before` has stays, unless there is something newer.
    """
    names = list(questions())
    yield f"| corpus | budget | {' | '.join(names)} |"
    yield "|---|---|" + "---|" * len(names)
    answers = _earlier_answers(before, names)
    for corpus, budget in dict.fromkeys((str(row["corpus"]), str(row["budget"])) for row in rows):
        own = [row for row in rows if (row["corpus"], row["budget"]) == (corpus, budget)]
        known = answers.setdefault((corpus, budget), {})
        for name in names:
            answer = _best([row for row in own if question_of(row) == name])
            if answer != _NOT_MEASURED:
                known[name] = answer
    for (corpus, budget), known in answers.items() or [((_NOT_MEASURED, _NOT_MEASURED), {})]:
        yield f"| {corpus} | {budget} | {' | '.join(known.get(name, _NOT_MEASURED) for name in names)} |"


def _earlier_answers(text: str, names: Sequence[str]) -> dict[tuple[str, str], dict[str, str]]:
    """Return the answers in a table that was written before: by corpus and budget, then by question."""
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:2] == "| "]
    answers: dict[tuple[str, str], dict[str, str]] = {}
    for corpus, budget, *cells in lines[1:]:
        known = {name: cell for name, cell in zip(lines[0][2:], cells, strict=False) if name in names}
        known = {name: cell for name, cell in known.items() if cell != _NOT_MEASURED}
        if known:
            answers[corpus, budget] = known
    return answers


def _best(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the experiment with the lowest median, and how far the next one is behind."""
    values: dict[str, list[float]] = {}
    for row in rows:
        if (value := row["results"].get(METRIC)) is not None:
            values.setdefault(row["experiment"], []).append(value)
    medians = sorted((statistics.median(measured), name) for name, measured in values.items())
    if len(medians) < 2:
        return _NOT_MEASURED
    (best, name), (second, _) = medians[:2]
    return f"{name} ({second - best:.{METRICS['train'][METRIC][1]}f} ahead)"


def write_page(page: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace what is between the markers of each question, and of the best answers, where there is something new."""
    text = page.read_text("utf-8")
    for name in (BEST, *questions()):
        before, old, after = parts_at_markers(text, f"<!-- results: {name} -->\n", "<!-- end of results -->")
        lines = list(best_answers(rows, old)) if name == BEST else table_of(name, rows, old)
        text = before + "\n" + "\n".join(lines).rstrip("\n") + "\n\n" + after
    page.write_text(text, "utf-8")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0] if __doc__ else "",
        epilog="Further flags of `rnntui train`, for all experiments, may follow --.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("run", help="run the experiments of questions")
    command.add_argument("files", nargs="+", metavar="[NAME=]FILE", help="corpora")
    command.add_argument("--only", nargs="+", default=[], metavar="QUESTION", help="[default: all]")
    command.add_argument("--characters", type=int, nargs="+", metavar="N", help="sizes [default: the whole corpus]")
    command.add_argument("--seeds", type=int, nargs="+", default=[1], help="[default: 1]")
    budget = command.add_mutually_exclusive_group(required=True)
    for flag in ("--minutes", "--epochs", "--steps", "--tokens"):
        budget.add_argument(flag, type=float, metavar="N", help=f"budget of a run in {flag[2:]}")
    command.add_argument("--whole", action="store_true", help="cut nothing off: what is reported is another file")
    command.add_argument("--repeat", action="store_true", help="run again what there is; newer results count")
    table = commands.add_parser("table", help="print the table of best answers, or write all into the page")
    table.add_argument("--write", action="store_true", help="replace the tables of the page")
    table.add_argument("--page", type=Path, default=FOLDER.parent / "docs" / "choosing.md", metavar="FILE")
    for each in (command, table):
        each.add_argument("--results", type=Path, default=FOLDER / "choosing.jsonl", metavar="FILE")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> None:
    own, extra = parted(words)
    arguments = parse(own)
    if arguments.command == "run":
        run(arguments, extra)
        return
    rows = ResultsFile(arguments.results, KEY).rows()
    if arguments.write:
        write_page(arguments.page, rows)
    else:
        print("\n".join(best_answers(rows)))


if __name__ == "__main__":
    main(sys.argv[1:])
