"""Many lines: a pool of processes gives what one gives, a stopped job goes on, nothing of it stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from line_runs import make_line_runs
from pool_jobs import Doubling

from rnntui.cli.process_pool import map_in_processes
from rnntui.errors import CorpusError, RnntuiError

LINES = "".join(f"line {number} {'of text ' * (number % 7)}{'#' * (number % 11 == 3)}\n" for number in range(50))
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An untrained run for each command."""
    return make_line_runs(tmp_path_factory.mktemp("runs"))


def test_results_come_in_order_and_little_is_read_ahead() -> None:
    read: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(12):
            read.append(number)
            yield number
        raise CorpusError("line 13 cannot be read")

    results = map_in_processes(Doubling(), numbers(), 2)
    for number in range(12):
        assert next(results) == (2 * number, 1) and len(read) <= number + 1 + 2 * 2 + 1
    with pytest.raises(CorpusError, match="line 13"):
        next(results)


def test_an_error_in_a_process_is_raised_whole_after_the_results_before_it() -> None:
    results = map_in_processes(Doubling(fails_at=3), range(1000), 1)
    assert [next(results)[0] for _ in range(3)] == [0, 2, 4]
    with pytest.raises(RnntuiError, match=r"^no 3; take another$"):
        next(results)


@needs_linux
def test_a_killed_process_is_one_error_and_ends_the_others() -> None:
    with pytest.raises(RnntuiError, match=r"a process of the pool was killed.*lower --jobs"):
        list(map_in_processes(Doubling(dies_at=3), range(1000), 2))
    assert not children(os.getpid(), "spawn_main")


def arguments_for(command: str, run: Path, *others: str) -> list[str | Path]:
    settings = {"sample": ["--each-line", "-n", "4", "--seed", "3", "--prompt-file", "lines.txt"]}
    return [command, "--run", run, *settings.get(command, ["--file", "lines.txt"]), *others]


@pytest.mark.parametrize("command", ["score", "translate", "classify", "sample"])
def test_two_processes_write_the_same_as_one(rnntui, runs: dict[str, Path], command: str) -> None:
    Path("lines.txt").write_text(LINES)
    arguments = arguments_for(command, runs[command])
    one, two = rnntui(*arguments, "--jobs", "1"), rnntui(*arguments, "--jobs", "2")
    assert one.code == 0 and (one.out, one.err) == (two.out, two.err)
    assert "#" in one.err or command == "classify"  # notes come in order, too
    assert one.out.count("\n") >= 50


def test_a_pipe_that_turns_out_to_be_long_goes_on_in_a_pool(
    rnntui, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pooled: list[int] = []

    def count(job, batches, processes):
        pooled.extend(len(batch) for batch in batches)
        yield from ()

    monkeypatch.setattr("rnntui.cli.process_pool.map_in_processes", count)
    monkeypatch.setattr("rnntui.cli.score._LONG_INPUT", 30)
    monkeypatch.setattr("rnntui.cli.line_jobs.usable_cpus", lambda: 2)
    monkeypatch.setattr("rnntui.cli.line_input.remaining_lines", lambda stream: None)  # as of a pipe
    result = rnntui("score", "--run", runs["score"], stdin=LINES.encode() * 2)
    assert result.out.count("\n") == 16 + 32 and sum(pooled) == 100 - 48
    pooled.clear()
    rnntui("score", "--run", runs["score"], "--jobs", "1", stdin=LINES.encode() * 2)
    assert not pooled


def test_every_process_gets_several_batches(rnntui, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def count(job, batches, processes):
        sizes.extend(len(batch) for batch in batches)
        yield from ()

    monkeypatch.setattr("rnntui.cli.process_pool.map_in_processes", count)
    Path("many.txt").write_text("a line\n" * 4000)
    rnntui("score", "--run", runs["score"], "--file", "many.txt", "--jobs", "8")
    assert sum(sizes) == 4000 and max(sizes) == 4000 // (4 * 8)


@pytest.mark.parametrize("command", ["score", "translate", "classify"])
def test_a_job_that_was_killed_amid_a_line_goes_on(rnntui, runs: dict[str, Path], command: str) -> None:
    Path("lines.txt").write_text(LINES)
    arguments = arguments_for(command, runs[command], "--output", "out.txt")
    assert rnntui(*arguments).code == 0 and not list(Path().glob(".*.job"))
    whole = Path("out.txt").read_bytes()
    refused = rnntui(*arguments)
    assert refused.code == 2 and "out.txt exists and is not replaced" in refused.err
    cut = whole.index(b"\n", len(whole) // 2) + 3
    Path("out.txt").write_bytes(whole[:cut])
    resumed = rnntui(*arguments, "--resume")
    assert resumed.code == 0 and f"out.txt: {whole[:cut].count(bytes([10]))} lines are written already" in resumed.err
    assert Path("out.txt").read_bytes() == whole and "line 4:" not in resumed.err
    Path("lines.txt").write_text(LINES + "one more\n")  # an input may grow
    assert rnntui(*arguments, "--resume").code == 0
    assert Path("out.txt").read_bytes().startswith(whole) and Path("out.txt").read_bytes().count(b"\n") == 51
    Path("lines.txt").write_text(LINES.splitlines(keepends=True)[0])
    shorter = rnntui(*arguments, "--resume")
    assert shorter.code == 2 and "the output has 51 lines already, the input only 1" in shorter.err
    assert "goes on" not in shorter.err  # it is finished, as it was


def test_an_output_that_is_the_input_is_refused(rnntui, runs: dict[str, Path]) -> None:
    text = b"one\nthe last line, without its end"
    Path("in.txt").write_bytes(text)
    Path("link.txt").symlink_to("in.txt")
    score = ["score", "--run", runs["score"], "--resume", "--output"]
    prompts = ["sample", "--run", runs["sample"], "--json", "--prompt-file", "in.txt", "--resume"]
    for name, arguments in [
        ("in.txt", [*score, "in.txt", "--file", "./in.txt"]),
        ("link.txt", [*score, "link.txt", "--file", "in.txt"]),
        ("in.txt", [*prompts, "--output", "in.txt"]),
        (".stdin", [*score, ".stdin"]),
    ]:
        refused = rnntui(*arguments, stdin=text)
        assert refused.code == 2 and refused.err == f"rnntui: {name} is what is read; name another --output\n"
    assert Path("in.txt").read_bytes() == text and not list(Path().glob(".*.job"))


def test_a_link_to_a_folder_that_is_missing_names_that_folder(rnntui, runs: dict[str, Path]) -> None:
    Path("link.txt").symlink_to("missing/file.txt")
    refused = rnntui("score", "--run", runs["score"], "--output", "link.txt", "a text")
    assert refused.code and f"there is no folder {Path('missing').resolve()};" in refused.err


def test_a_link_stays_whether_its_target_is_written_or_not(rnntui, runs: dict[str, Path]) -> None:
    Path("far").mkdir()
    Path("link.txt").symlink_to("far/file.txt")
    Path("bad.txt").write_bytes(b"\xff\n")
    assert rnntui("score", "--run", runs["score"], "--output", "link.txt", "--file", "bad.txt").code == 1
    assert Path("link.txt").is_symlink() and not list(Path("far").iterdir())  # nothing was written
    assert rnntui("score", "--run", runs["score"], "--output", "link.txt", "a text").code == 0
    assert Path("link.txt").is_symlink() and Path("far/file.txt").read_bytes().count(b"\n") == 1


def test_an_error_says_how_to_go_on_and_other_settings_are_refused(rnntui, runs: dict[str, Path]) -> None:
    Path("lines.txt").write_bytes(LINES.encode() + b"\xff\nlast\n")
    score = arguments_for("score", runs["score"], "--output", "out.txt", "--resume")
    failed = rnntui(*score)
    assert failed.code == 1 and failed.err.splitlines()[-2:] == [
        "rnntui: out.txt has the first 50 lines; the same command with --resume goes on",
        "rnntui: line 51 of lines.txt is not utf-8 at byte 0 of the line; name its --encoding, "
        "or read it anyway with --errors replace",
    ]
    other = rnntui(*score, "--json")
    assert other.code == 2 and "begun with another value of --json: false, not true" in other.err
    Path("bad.txt").write_bytes(b"\xff\n")
    nothing = rnntui("score", "--run", runs["score"], "--file", "bad.txt", "--output", "none.txt")
    assert nothing.code == 1 and nothing.err.count("\n") == 1 and not list(Path().glob("*none*"))
    Path("lines.txt").write_text(LINES + "\ufffd\nlast\n")
    assert rnntui(*score).code == 0 and Path("out.txt").read_text().count("\n") == 52


def test_samples_go_on_with_the_seed_that_they_were_begun_with(rnntui, runs: dict[str, Path]) -> None:
    sample = ["sample", "--run", runs["sample"], "--samples", "130", "-n", "3", "--json", "--output", "out.jsonl"]

    def texts() -> list[tuple[int, str]]:
        return [(row["seed"], row["text"]) for row in map(json.loads, Path("out.jsonl").read_text().splitlines())]

    assert rnntui(*sample, "--seed", "7").code == 0
    whole = texts()
    assert [seed for seed, _ in whole] == list(range(7, 137))
    data = Path("out.jsonl").read_bytes()
    Path("out.jsonl").write_bytes(data[: len(data) // 2])
    assert rnntui(*sample, "--seed", "7", "--resume").code == 0 and texts() == whole
    Path("out.jsonl").write_bytes(data[: len(data) // 2])
    assert rnntui(*sample, "--resume").code == 0 and texts() == whole
    Path("out.jsonl").write_bytes(data[: len(data) // 2])
    Path(".out.jsonl.job").unlink()
    unknown = rnntui(*sample, "--resume")
    assert unknown.code == 2 and "does not say by which seed it was begun; give --seed" in unknown.err
    assert [text for _, text in whole[:2]] == [
        json.loads(rnntui(*sample[:-2], "--samples", "1", "--seed", seed).out)["text"] for seed in ("7", "8")
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "--resume"], "--resume needs --output"),
        (["score", "--dynamic", "--resume", "--output", "x"], "what --dynamic has learned"),
        (["score", "--dynamic", "--jobs", "2"], "leave out --jobs"),
        (["score", "--jobs", "0"], "--jobs must be"),
        (["classify", "--jobs", "257"], "--jobs must be"),
        (["translate", "--n-best", "2", "--resume", "--output", "x"], "no certain number of lines"),
        (["sample", "--resume", "--output", "x"], "with --json it has one"),
        (["sample", "--save-state", "s", "--jobs", "2"], "need one process"),
    ],
)
def test_what_cannot_be_done_is_refused(rnntui, runs: dict[str, Path], arguments: list[str], message: str) -> None:
    result = rnntui(*arguments, "--run", runs[arguments[0]])
    assert result.code == 2 and message in result.err and result.err.count("\n") == 1
    assert not Path("x").exists()


def children(process: int, name: str) -> list[int]:
    """Return the child processes that have a name in their command line."""
    pids = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(pid) for pid in pids if name in Path(f"/proc/{pid}/cmdline").read_text()]


@needs_linux
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_job_leaves_no_process_and_goes_on(rnntui, runs: dict[str, Path], kill: signal.Signals) -> None:
    Path("lines.txt").write_text(LINES * 400)
    arguments = arguments_for("score", runs["score"], "--output", "out.txt")
    command = [sys.executable, "-m", "rnntui", *map(str, arguments), "--jobs", "2"]
    root = str(Path(__file__).resolve().parents[2])
    job = subprocess.Popen(
        command, stderr=subprocess.PIPE, start_new_session=True, env={**os.environ, "PYTHONPATH": root}
    )
    deadline = time.monotonic() + 60
    while not (Path("out.txt").exists() and Path("out.txt").stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.01)
    workers = children(job.pid, "spawn_main")
    assert len(workers) == 2
    if kill == signal.SIGINT:
        os.killpg(job.pid, kill)  # as Ctrl-C does
    else:
        job.kill()
    _, err = job.communicate(timeout=60)
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers)
    notes = [line for line in err.decode().splitlines() if line and "not in the vocabulary" not in line]
    done = Path("out.txt").read_bytes().count(b"\n")
    assert 0 < done < 20_000
    if kill == signal.SIGINT:
        assert job.returncode == 130 and notes[-1] == "rnntui: interrupted" and len(notes) == 2
        assert notes[0].startswith(f"rnntui: out.txt has the first {done:,} lines")
    Path("lines.txt").write_text(LINES * (done // 50 + 1))
    assert rnntui(*arguments, "--resume", "--jobs", "1").code == 0
    Path("one.txt").write_text(LINES)
    expected = rnntui("score", "--run", runs["score"], "--file", "one.txt").out
    assert Path("out.txt").read_text() == expected * (done // 50 + 1)
