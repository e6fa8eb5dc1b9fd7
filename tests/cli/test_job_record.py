"""A job that is gone on with: by the same input and settings, else it is refused in one line; further lines follow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from line_runs import make_line_runs
from tiny_runs import make_run

NAMES = [f"line {number} of text" for number in range(30)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An untrained run for each command."""
    return make_line_runs(tmp_path_factory.mktemp("runs"))


def write_lines(lines: list[str], end: bytes = b"") -> None:
    Path("lines.txt").write_bytes("".join(f"{line}\n" for line in lines).encode() + end)


def arguments_for(command: str, run: Path) -> list[str | Path]:
    samples = ["--each-line", "-n", "4", "--seed", "3", "--json", "--prompt-file", "lines.txt"]
    settings = samples if command == "sample" else ["--file", "lines.txt"]
    return [command, "--run", run, *settings, "--output", "out.txt"]


@pytest.mark.parametrize(
    ("command", "jobs"),
    [("score", "1"), ("score", "2"), ("translate", "1"), ("classify", "1"), ("sample", "1"), ("sample", "2")],
)
def test_an_input_that_was_edited_is_refused_and_one_that_grew_is_not(
    rnntui, runs: dict[str, Path], command: str, jobs: str
) -> None:
    arguments = [*arguments_for(command, runs[command]), "--jobs", jobs]
    write_lines(NAMES, b"\xff\n")
    assert rnntui(*arguments).code == 1  # at the last line
    stopped = Path("out.txt").read_bytes()
    assert stopped.count(b"\n") == 30
    write_lines([*NAMES[:6], "another line", *NAMES[7:]])
    edited = rnntui(*arguments, "--resume")
    assert edited.code == 2 and edited.err.splitlines()[-1] == (
        "rnntui: out.txt was begun with another input: line 7 has changed since; "
        "restore the input, or name another --output"
    )
    assert Path("out.txt").read_bytes() == stopped
    write_lines([*NAMES, "one more"])
    assert rnntui(*arguments, "--resume").code == 0
    grown = Path("out.txt").read_bytes()
    assert grown.startswith(stopped) and grown.count(b"\n") == 31
    done = rnntui(*arguments, "--resume")
    assert done.code == 0 and "out.txt was finished: there was nothing left to do" in done.err
    write_lines([*NAMES[1:], "one more", "two more"])  # the first is gone, so each has moved
    moved = rnntui(*arguments, "--resume")
    assert moved.code == 2 and "line 1 has changed since" in moved.err and "goes on" not in moved.err
    assert Path("out.txt").read_bytes() == grown


def test_lines_whose_answers_were_not_written_may_change(rnntui, runs: dict[str, Path]) -> None:
    arguments = [*arguments_for("score", runs["score"]), "--resume"]
    write_lines(NAMES)
    assert rnntui(*arguments).code == 0
    whole = Path("out.txt").read_bytes().splitlines(keepends=True)
    Path("out.txt").write_bytes(b"".join(whole[:20]) + b"-12")  # killed amid a batch
    write_lines([*NAMES[:20], "#", *NAMES[21:]])
    assert rnntui(*arguments).code == 0
    now = Path("out.txt").read_bytes().splitlines(keepends=True)
    assert now[20] != whole[20] and [*now[:20], whole[20], *now[21:]] == whole
    write_lines(NAMES)
    assert "line 21 has changed since" in rnntui(*arguments).err


@pytest.mark.parametrize("command", ["score", "translate", "classify", "classify --runs", "sample"])
def test_an_output_from_whose_middle_a_line_was_removed_is_refused(
    rnntui, runs: dict[str, Path], command: str, tmp_path: Path
) -> None:
    if command == "classify --runs":
        names = f"{runs['score']},{make_run(tmp_path, 'second').path}"
        arguments = ["classify", "--runs", names, "--json", "--file", "lines.txt", "--output", "out.txt", "--resume"]
    else:
        arguments = [*arguments_for(command, runs[command]), "--resume"]
        arguments += ["--json"] if command != "sample" else []  # no two answers are the same
    write_lines(NAMES)
    assert rnntui(*arguments).code == 0
    whole = Path("out.txt").read_bytes().splitlines(keepends=True)
    lost = b"".join(whole[:2] + whole[3:])
    Path("out.txt").write_bytes(lost)
    for _ in range(2):  # the refusal does not forget what was written
        refused = rnntui(*arguments)
        assert refused.code == 2 and refused.err.splitlines()[-1] == (
            "rnntui: out.txt has lost lines: 30 recorded, 29 there, and line 3 is not the one that was written; "
            "restore it, or name another --output"
        )
        assert Path("out.txt").read_bytes() == lost
    Path("out.txt").write_bytes(b"".join(whole))
    assert rnntui(*arguments).code == 0


def test_answers_that_another_job_finds_without_a_record_are_known_from_then_on(rnntui, runs: dict[str, Path]) -> None:
    arguments = arguments_for("score", runs["score"])
    write_lines(NAMES)
    assert rnntui(*arguments).code == 0 and rnntui(*arguments, "--resume").code == 0
    whole = Path("out.txt").read_bytes().splitlines(keepends=True)
    Path("out.txt").write_bytes(b"".join(whole[1:]))
    assert "out.txt has lost lines: 30 recorded, 29 there, and line 1" in rnntui(*arguments, "--resume").err


def test_a_job_that_is_killed_goes_on(rnntui, runs: dict[str, Path]) -> None:
    write_lines(NAMES)
    arguments = [*arguments_for("score", runs["score"]), "--resume"]
    from_stdin = [str(argument) for argument in arguments if argument not in ("--file", "lines.txt")]
    process = subprocess.Popen([sys.executable, "-m", "rnntui", *from_stdin], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write("".join(f"{line}\n" for line in NAMES[:9]).encode())
    process.stdin.flush()
    output = Path("out.txt")
    deadline = time.monotonic() + 60
    while not (output.exists() and output.read_bytes().count(b"\n") == 9):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    process.stdin.close()
    with Path(".out.txt.job").open("ab") as record:
        record.write(bytes(8 * 16 + 3))  # of a batch whose answers were not written any more
    resumed = rnntui(*from_stdin, stdin=Path("lines.txt").read_bytes())
    assert resumed.code == 0 and "9 lines are written already" in resumed.err
    stopped = output.read_bytes()
    output.unlink()
    Path(".out.txt.job").unlink()
    assert rnntui(*arguments).code == 0 and output.read_bytes() == stopped


def test_a_record_of_a_version_without_checksums_of_answers_is_gone_on_with(rnntui, runs: dict[str, Path]) -> None:
    arguments = [*arguments_for("score", runs["score"]), "--resume"]
    write_lines(NAMES)
    assert rnntui(*arguments).code == 0
    settings, checksums = Path(".out.txt.job").read_bytes().split(b"\n", 1)
    values = json.loads(settings)
    del values["answer_checksums"]
    old = json.dumps(values).encode() + b"\n" + b"".join(checksums[at : at + 4] for at in range(0, 8 * 30, 8))
    whole = Path("out.txt").read_bytes()
    for cut in (len(whole), len(whole) // 2):
        Path(".out.txt.job").write_bytes(old)
        Path("out.txt").write_bytes(whole[:cut])
        assert rnntui(*arguments).code == 0 and Path("out.txt").read_bytes() == whole
        assert Path(".out.txt.job").read_bytes() == old
    write_lines([*NAMES[:3], "edited", *NAMES[4:]])
    assert "line 4 has changed since" in rnntui(*arguments).err


def test_a_file_that_was_finished_without_resume_says_that_nothing_is_known(rnntui, runs: dict[str, Path]) -> None:
    arguments = arguments_for("score", runs["score"])
    write_lines(NAMES)
    assert rnntui(*arguments).code == 0 and not Path(".out.txt.job").exists()
    write_lines([*NAMES, "one more"])
    unknown = rnntui(*arguments, "--resume")
    assert unknown.code == 0 and unknown.err == (
        "rnntui: out.txt: 30 lines are written already; whether by these settings and of this input is not known\n"
    )
    write_lines([*NAMES[:3], "edited", *NAMES[4:], "one more"])
    assert "line 4 has changed since" in rnntui(*arguments, "--resume").err  # from then on it is known
    assert "another value of --json: false, not true" in rnntui(*arguments, "--resume", "--json").err


def test_a_lost_or_broken_record(rnntui, runs: dict[str, Path]) -> None:
    arguments = [*arguments_for("score", runs["score"]), "--resume"]
    write_lines(NAMES)
    assert rnntui(*arguments).code == 0
    record = Path(".out.txt.job").read_bytes()
    Path(".out.txt.job").write_bytes(record[: record.index(b"\n") + 1 + 8 * 10 + 2])  # as after a power cut
    assert rnntui(*arguments).code == 0 and Path(".out.txt.job").read_bytes() == record
    Path(".out.txt.job").write_bytes(b"no JSON")
    broken = rnntui(*arguments)
    assert broken.code == 1 and ".out.txt.job cannot be read; remove it" in broken.err


SAMPLE = ["sample", "--prompt", "a", "--seed", "7", "-n", "3", "--json", "--output", "out.jsonl", "--resume"]


@pytest.mark.parametrize(
    ("others", "message"),
    [
        (["--seed", "8"], "another value of --seed: 7, not 8"),
        (["--prompt", "b" * 200], f'another value of --prompt: "a", not "{"b" * 79}…'),
        (["-n", "4"], "another value of --length: 3, not 4"),
        (["--temperature", "0.5"], "another value of --temperature: 0.8, not 0.5"),
        (["--samples", "20"], "out.jsonl has 140 texts already, and these prompts and --samples make 20; ask for more"),
    ],
)
def test_samples_of_other_settings_are_refused_when_finished_too(
    rnntui, runs: dict[str, Path], others: list[str], message: str
) -> None:
    arguments = [*SAMPLE, "--run", runs["sample"], "--samples", "140"]
    assert rnntui(*arguments).code == 0
    whole = Path("out.jsonl").read_bytes()
    refused = rnntui(*arguments, *others)
    assert refused.code == 2 and message in refused.err.splitlines()[-1]
    assert Path("out.jsonl").read_bytes() == whole


def test_more_samples_follow_with_the_seeds_after_those_before(rnntui, runs: dict[str, Path]) -> None:
    arguments = [*SAMPLE, "--run", runs["sample"]]
    assert rnntui(*arguments, "--samples", "5").code == 0
    assert rnntui(*arguments, "--samples", "8").code == 0
    assert [json.loads(line)["seed"] for line in Path("out.jsonl").read_text().splitlines()] == list(range(7, 15))


def test_a_seed_that_was_lost_with_the_record_can_be_given(rnntui, runs: dict[str, Path]) -> None:
    arguments = ["sample", "--run", runs["sample"], "--prompt", "a", "-n", "3", "--json", "--output", "out.jsonl"]
    assert rnntui(*arguments, "--samples", "2", "--seed", "7").code == 0  # without --resume, so there is no record
    assert rnntui(*arguments, "--samples", "2", "--resume").code == 0  # nothing is left to do, by whatever seed
    more = [*arguments, "--samples", "3", "--resume"]
    assert "does not say by which seed it was begun; give --seed" in rnntui(*more).err
    assert rnntui(*more, "--seed", "7").code == 0
    assert [json.loads(line)["seed"] for line in Path("out.jsonl").read_text().splitlines()] == [7, 8, 9]


def test_a_record_of_a_version_without_checksums_gets_them(rnntui, runs: dict[str, Path]) -> None:
    arguments = [*arguments_for("score", runs["score"]), "--resume"]
    write_lines(NAMES)
    assert rnntui(*arguments).code == 0
    whole = Path("out.txt").read_bytes()
    Path("out.txt").write_bytes(b"".join(whole.splitlines(keepends=True)[:10]))
    record = Path(".out.txt.job").read_bytes()
    Path(".out.txt.job").write_bytes(record[: record.index(b"\n")])
    for _ in range(2):
        assert rnntui(*arguments).code == 0 and Path("out.txt").read_bytes() == whole
    assert Path(".out.txt.job").read_bytes() == record


def older_record(**changes: object) -> None:
    """Rewrite the record as an older version wrote it: without checksums; a setting of None did not exist."""
    values = {**json.loads(Path(".out.txt.job").read_bytes().split(b"\n", 1)[0]), **changes}
    del values["answer_checksums"]
    written = {name: value for name, value in values.items() if value is not None}
    Path(".out.txt.job").write_text(json.dumps(written))


def test_a_record_of_an_older_version_of_classify_with_runs_is_read(
    rnntui, runs: dict[str, Path], tmp_path: Path
) -> None:
    other = make_run(tmp_path, "second")
    names = f"{runs['score']},{other.path}"
    arguments = ["classify", "--runs", names, "--file", "lines.txt", "--output", "out.txt", "--resume"]
    write_lines(NAMES)
    assert rnntui(*arguments).code == 0
    whole = Path("out.txt").read_bytes()

    def stopped() -> None:
        Path("out.txt").write_bytes(b"".join(whole.splitlines(keepends=True)[:10]))
        current = json.loads(Path(".out.txt.job").read_bytes().split(b"\n", 1)[0])
        labels = [name.removeprefix("run ") for name in current if name.startswith("run ")]
        assert len(labels) == 2
        older = {name: {"run": current[f"run {name}"], "weights": current[f"weights {name}"]} for name in labels}
        gone = {f"{key} {name}": None for name in labels for key in ("run", "weights")}
        older_record(**older, **gone)

    stopped()
    assert rnntui(*arguments).code == 0 and Path("out.txt").read_bytes() == whole
    Path(".out.txt.job").unlink()
    assert rnntui(*arguments).code == 0  # which writes a record as it is now
    stopped()
    os.utime(other.weights_file, ns=(5, 5))
    changed = rnntui(*arguments)
    assert changed.code == 2 and "begun with other weights second, which have changed since;" in changed.err


def test_a_setting_that_an_older_version_did_not_have_counts_as_not_given(rnntui, runs: dict[str, Path]) -> None:
    arguments = [*arguments_for("score", runs["score"]), "--resume"]
    write_lines(NAMES)
    assert rnntui(*arguments).code == 0
    whole = Path("out.txt").read_bytes()
    Path("out.txt").write_bytes(b"".join(whole.splitlines(keepends=True)[:10]))
    older_record(as_json=None)
    refused = rnntui(*arguments, "--json")
    assert refused.code == 2 and "begun with another value of --json: none, not true" in refused.err
    assert rnntui(*arguments).code == 0 and Path("out.txt").read_bytes() == whole


def test_other_weights_and_another_run_are_refused(rnntui, runs: dict[str, Path], tmp_path: Path) -> None:
    run, other = make_run(tmp_path, "first"), make_run(tmp_path, "second")
    write_lines(NAMES)
    for command, choice in [("score", ["--run", run.path]), ("classify", ["--runs", f"{run.path},{other.path}"])]:
        arguments = [command, *choice, "--file", "lines.txt", "--output", f"{command}.txt", "--resume"]
        assert rnntui(*arguments).code == 0
        os.utime(run.weights_file, ns=(len(command), 1_000 * len(command)))
        changed = rnntui(*arguments)
        name = " first" if command == "classify" else ""
        assert changed.code == 2 and f"begun with other weights{name}, which have changed since;" in changed.err
    arguments = ["score", "--run", other.path, "--file", "lines.txt", "--output", "score.txt", "--resume"]
    assert "score.txt was begun with another run: " in rnntui(*arguments).err


def test_a_state_that_samples_go_on_from_may_not_change(rnntui, runs: dict[str, Path]) -> None:
    run = ["--run", runs["sample"]]
    assert rnntui("sample", *run, "-n", "3", "--save-state", "state.bin").code == 0
    arguments = ["sample", *run, "-n", "3", "--json", "--samples", "3", "--from-state", "state.bin", "--seed", "1"]
    assert rnntui(*arguments, "--output", "out.jsonl", "--resume").code == 0
    assert rnntui("sample", *run, "-n", "5", "--save-state", "new.bin").code == 0
    Path("new.bin").replace("state.bin")
    changed = rnntui(*arguments, "--output", "out.jsonl", "--resume")
    assert changed.code == 2 and "other contents of --from-state, which have changed since" in changed.err
    record = json.loads(Path(".out.jsonl.job").read_bytes().split(b"\n", 1)[0])
    del record["contents of --from-state"]  # as in older versions
    Path(".out.jsonl.job").write_text(json.dumps(record))
    assert rnntui(*arguments, "--output", "out.jsonl", "--resume").code == 0
