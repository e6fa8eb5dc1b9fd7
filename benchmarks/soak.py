"""Hours of use in short: memory, descriptors, threads, latencies and losses of the app and of the server under load.

    python benchmarks/soak.py app --minutes 90 --json app.jsonl
    python benchmarks/soak.py serve --minutes 45 --json serve.jsonl
    python benchmarks/soak.py table app.jsonl serve.jsonl

*app*: the app in a pseudo-terminal of 160×45. A training that was started from its form, four panes that write without
end, the loss chart of the training, and English sentences that are translated while they are typed, all at once; the
session goes from tab to tab once a minute, and begins new texts. *serve*: `rnntui serve` with 32 clients that ask for
completions, streams, chats and translations, close streams early and send mistakes, a few requests a second.

Every ten seconds a JSON line is written: memory, descriptors, threads and child processes, and

- for the app, milliseconds from a key to the frame that shows it, and the rows of the training's `metrics.jsonl`
  against its steps;
- for the server, requests by kind and status, and their milliseconds.

Anonymous memory is what counts: USS and PSS also change when other processes load or free the same libraries. With
`--probe` the app or the server writes every minute where its memory is, see `soak_probe.py`. If the app ends by itself,
a line *died* has its exit code or signal, what it wrote last, and what the kernel says of it.

`table` fits slopes after a warm-up (Theil–Sen on medians of minutes, with a 95% interval). Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from common import print_heading
from soak_samples import facts_of, fitted_slope, percentile

FACTS = {
    "anonymous_mb": "anonymous memory, MB", "uss_mb": "own memory (USS), MB", "pss_mb": "PSS, MB", "rss_mb": "RSS, MB",
    "descriptors": "descriptors",
    "threads": "threads", "children": "child processes",
}  # fmt: skip


def main() -> None:
    """Run a session, or print a table of earlier ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("app", "serve"):
        command = commands.add_parser(name)
        command.add_argument("--minutes", type=float, default=90.0)
        command.add_argument("--json", type=Path, required=True, help="file that the samples are appended to")
        command.add_argument("--probe", type=Path, help="file in which the app or the server tells where its memory is")
        command.add_argument("--folder", type=Path, help="folder for the session's files [default: a temporary one]")
    commands.choices["app"].add_argument("--corpus", type=Path, default=Path("corpora/prideprejudice.txt"))
    commands.choices["app"].add_argument(
        "--shared", action="store_true", help="do not let the training starve beside other users of the machine"
    )
    commands.choices["serve"].add_argument("--clients", type=int, default=32)
    commands.choices["serve"].add_argument("--rate", type=float, default=3.0, help="requests a second of all clients")
    table = commands.add_parser("table")
    table.add_argument("files", type=Path, nargs="+")
    table.add_argument("--warm-up", type=float, default=20.0, metavar="MINUTES")
    options = parser.parse_args()
    if options.command == "table":
        for path in options.files:
            print("\n".join(report(path, options.warm_up)), end="\n\n")
        return
    # In the background of a shell these may be ignored, which a training would inherit: it could not be stopped.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    print_heading(f"soak: {options.command}", "auto", minutes=options.minutes)
    with session_folder(options.folder) as folder:
        if options.command == "app":
            from soak_app import AppSession

            minutes = options.minutes + 10  # of the training
            session = AppSession(folder, options.corpus.resolve(), minutes, options.json, options.probe, options.shared)
            session.run_for(60 * options.minutes)
        else:
            from soak_serve import ServerSession

            ServerSession(options.json, options.clients, options.rate, options.probe).run_for(60 * options.minutes)
    print("\n".join(report(options.json, min(20.0, options.minutes / 3))))


@contextlib.contextmanager
def session_folder(folder: Path | None) -> Iterator[Path]:
    """Give a folder for a session, a temporary one unless it is named."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    else:
        with tempfile.TemporaryDirectory(prefix="rnntui-soak-") as temporary:
            yield Path(temporary)


def report(path: Path, warm_up: float) -> list[str]:
    """Return the lines of a session's tables in Markdown."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    samples = [row for row in rows if row["event"] == "sample"]
    later = [row for row in samples if row["seconds"] >= 60 * warm_up]
    names = sorted({name for row in samples for name in row["processes"]})
    minutes = samples[-1]["seconds"] / 60
    lines = [
        f"{path.stem}: {minutes:.0f} minutes, {len(samples)} samples, {len(later)} of them after {warm_up:g} minutes",
        "",
        "| process | | first | median | last | most | slope an hour (95%) |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [line for name in names for fact in FACTS if (line := slope_row(samples, later, name, fact))]
    return lines + (app_lines(rows, samples) if "lags_ms" in samples[-1] else serve_lines(samples, later))


def slope_row(samples: Sequence[Any], later: Sequence[Any], name: str, fact: str) -> str:
    """Return a row of the table; empty without samples."""
    seconds, values = facts_of(later, name, fact)
    _, every = facts_of(samples, name, fact)
    slope = fitted_slope(seconds, values)
    if slope is None:
        return ""
    digits = 1 if fact.endswith("mb") else 0
    cells = [values[0], slope.median, values[-1], max(every)]
    interval = f"{slope.slope:+.2f} ({slope.low:+.2f} to {slope.high:+.2f})"
    return f"| {name} | {FACTS[fact]} | " + " | ".join(f"{cell:.{digits}f}" for cell in cells) + f" | {interval} |"


def app_lines(rows: Sequence[Any], samples: Sequence[Any]) -> list[str]:
    """Return the latencies of the app by tab, and what became of the training's metrics."""
    lines = [
        "",
        "| key to frame, ms | keys | median | 95% | most | median of the last quarter |",
        "|---|---|---|---|---|---|",
    ]
    for name in samples[-1]["lags_ms"]:
        times = [time for row in samples for time in row["lags_ms"][name]]
        last = [time for row in samples[3 * len(samples) // 4 :] for time in row["lags_ms"][name]]
        if times:
            cells = [percentile(times, 0.5), percentile(times, 0.95), max(times), percentile(last or times, 0.5)]
            lines.append(f"| {name} | {len(times)} | " + " | ".join(f"{cell:.0f}" for cell in cells) + " |")
    final = rows[-1]
    metrics, status = final["metrics"], final["status"]
    return [
        *lines,
        "",
        f"Training: step {status['step']:,} ({status['state']}), {metrics['rows']:,} rows up to step "
        f"{metrics['last_step']:,}; missing {metrics['missing']}, broken {metrics['broken']}, out of order "
        f"{metrics['backwards']}. Last step seen on the screen: {final['shown_step']:,}. "
        f"Keys lost: {', '.join(final['lost_keys']) or 'none'}. "
        f"The app closed by itself: {final.get('app_closed', '-')}.",
    ]


def serve_lines(samples: Sequence[Any], later: Sequence[Any]) -> list[str]:
    """Return requests by kind: numbers, statuses and milliseconds."""
    lines = [
        "",
        "| request | sent | answers | median, ms | 95%, ms | most, ms | unexpected |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in sorted({kind for row in samples for kind in row["requests"]}):
        answers: Counter[str] = Counter()
        times: list[float] = []
        unexpected = 0
        for row in samples:
            one = row["requests"].get(kind, {"answers": {}, "ms": [], "unexpected": 0})
            answers.update(one["answers"])
            unexpected += one["unexpected"]
        for row in later:
            times += row["requests"].get(kind, {"ms": []})["ms"]
        cells = [f"{percentile(times, share):.0f}" for share in (0.5, 0.95, 1.0)] if times else ["-"] * 3
        text = ", ".join(f"{answer}: {count:,}" for answer, count in sorted(answers.items()))
        lines.append(f"| {kind} | {sum(answers.values()):,} | {text} | " + " | ".join(cells) + f" | {unexpected} |")
    return lines


if __name__ == "__main__":
    main()
