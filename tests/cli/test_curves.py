"""`rnntui curves`, as a user meets it."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import pytest

from rnntui.cli.main import run as main

SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints" / "shakespeare"


def make_run(folder: Path, name: str, *rows: object) -> Path:
    """A run that has begun to train, without weights."""
    run = folder / name
    run.mkdir(parents=True)
    shutil.copy(SHIPPED / "config.json", run)
    text = "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
    (run / "metrics.jsonl").write_text(text)
    return run


def losses(count: int, start: float) -> list[dict]:
    return [
        {"step": n * 10, "tokens": n * 1000, "seconds": n * 60.0, "train_loss": start / (1 + n / 20)}
        for n in range(count)
    ]  # fmt: skip


def test_a_chart_in_a_pipe(rnntui) -> None:
    result = rnntui("curves", SHIPPED)
    rows = result.out.splitlines()
    assert (result.code, result.err) == (0, "") and len(rows) == 24 and max(map(len, rows)) <= 80
    assert rows[0] == "Loss of shakespeare, nats a token" and "training 1.2342" in rows[1]
    assert rows[1].endswith("validation 1.3738 ★ best 1.3738 at step 26,359") and "".join(rows[2:]).count("★") == 1
    assert rows[-1].split() == ["step", "0", "5k", "10k", "15k", "20k", "25k"]
    assert "\x1b" not in result.out


def test_the_default_run_is_the_newest_with_weights_else_the_shipped_one(rnntui, tmp_path: Path) -> None:
    run = make_run(tmp_path / "mine", "newest", *losses(9, 4.0))
    assert rnntui("curves", "--checkpoints", tmp_path / "mine").out.startswith("Loss of shakespeare")
    (run / "model.safetensors").touch()
    assert rnntui("curves", "--checkpoints", tmp_path / "mine").out.startswith("Training loss of newest")


def test_several_runs_share_a_chart_also_two_of_the_same_name(rnntui, tmp_path: Path) -> None:
    make_run(tmp_path / "checkpoints", "one", *losses(100, 4.0))
    make_run(tmp_path / "checkpoints", "two", *losses(100, 3.0))
    make_run(tmp_path / "elsewhere", "one", *losses(100, 2.0))
    out = rnntui("curves", "one", "two", "elsewhere/one", "one", "--width", "120").out.splitlines()
    shown = out[0].split()
    title, shown = out[0].partition("token")[0], out[0].partition("token")[2].split()
    assert title == "Training loss, nats a " and shown[::3] == ["●", "▲", "■"]
    assert shown[1::3] == ["one", "two", "elsewhere/one"]
    assert 0.6 < float(shown[2]) < 0.9 > float(shown[5]) > float(shown[8]) > 0.3
    assert all("".join(out[1:]).count(sign) >= 3 for sign in "●▲■")


def test_metric_axis_and_size_of_a_chart(rnntui, tmp_path: Path) -> None:
    run = make_run(
        tmp_path, "run", *losses(100, 4.0), *({"step": 990 + n, "tokens": n, "bleu": 11.25 + n} for n in range(10))
    )
    rows = rnntui("curves", run, "--metric", "bleu", "--x", "tokens", "--width", "50", "--height", "9").out.splitlines()
    assert len(rows) == 9 and rows[0].startswith("BLEU of run") and "BLEU 20.25" in rows[0]
    rows = rnntui("curves", run, "--x", "time", "--log", "--smoothing", "0").out.splitlines()
    assert " time " in rows[-2] and "1h" in rows[-1]
    two = rnntui("curves", SHIPPED, "--metric", "bits_per_character", "--metric", "learning_rate").out
    assert "Bits per character of shakespeare" in two and "\n\nLearning rate of shakespeare" in two
    assert len(two.splitlines()) == 49


def test_the_star_is_on_the_metric_that_selects(rnntui, tmp_path: Path) -> None:
    rows = [{"step": n, "validation_loss": 9.0 - n, "bleu": 20.0 + 5 * (n == 3)} for n in range(8)]
    run = make_run(tmp_path, "run", *rows)
    shutil.copy(SHIPPED.parent / "en-es" / "config.json", run)
    out = rnntui("curves", run, "--metric", "bleu", "--metric", "validation_loss").out
    bleu, loss = out.split("\n\n")
    assert "★ best 25.0000 at step 3" in bleu and "★" not in loss
    (run / "config.json").write_text("{}")
    assert "★ best 2.0000 at step 7" in rnntui("curves", run).out, "without a config, the loss selects"


def test_charts_are_saved_as_svg_and_png(rnntui, tmp_path: Path) -> None:
    run = make_run(tmp_path, "a <b> & c", *losses(100, 4.0))
    saved = rnntui("curves", run, "--svg", "chart.svg", "--x", "time")
    assert (saved.code, saved.out) == (0, "") and "saved chart.svg" in saved.err
    svg = (tmp_path / "chart.svg").read_text()
    assert "Training loss of a &lt;b&gt; &amp; c" in svg and ">time</text>" in svg and ">nats a token</text>" in svg
    assert rnntui("curves", run, "--svg", "-", "--x", "time").out == svg
    again = rnntui("curves", run, "--svg", "chart.svg")
    assert again.code == 2 and "chart.svg: the file exists and is not replaced" in again.err
    assert rnntui("curves", run, "--png", "chart.png").code == 0
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    assert rnntui("curves", run, "--svg", "x.svg", "--csv").code == 2


def test_a_link_stays_and_the_file_that_it_leads_to_is_written(rnntui, tmp_path: Path) -> None:
    run = make_run(tmp_path, "run", *losses(100, 4.0))
    (tmp_path / "far").mkdir()
    for flag, name in (("--svg", "chart.svg"), ("--png", "chart.png")):
        (tmp_path / name).symlink_to(f"far/{name}")
        assert rnntui("curves", run, flag, name).code == 0
        assert (tmp_path / name).is_symlink() and not (tmp_path / "far" / name).is_symlink()
        assert (tmp_path / "far" / name).stat().st_size > 100


def test_a_png_goes_to_standard_output(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["curves", str(make_run(tmp_path, "run", *losses(9, 4.0))), "--png", "-"]) == 0
    out, err = capfdbinary.readouterr()
    assert out.startswith(b"\x89PNG") and err == b"" and not Path("-").exists()


def test_smoothing_smooths(rnntui, tmp_path: Path) -> None:
    run = make_run(tmp_path, "run", *({"step": n, "train_loss": 2.0 + n % 2} for n in range(400)))
    raw, smooth = (rnntui("curves", run, "--smoothing", weight).out for weight in ("0", "0.99"))
    assert raw.count("⣿") > 500
    assert smooth.count("⣿") < 50


def test_a_run_without_losses_shows_the_metrics_it_has(rnntui, tmp_path: Path) -> None:
    run = make_run(tmp_path, "run", {"step": 1, "accuracy": 0.5}, {"step": 2, "accuracy": 0.75})
    assert rnntui("curves", run).out.startswith("Accuracy of run")


def test_csv_has_every_row(rnntui, tmp_path: Path) -> None:
    run = make_run(
        tmp_path, 'a,"run', {"step": 1, "tokens": 2, "seconds": 0.5, "train_loss": 3.25, "sample": "x,\n"}, "garbage\n",
        {"step": 2, "bleu": 1.5, "train_loss": "high", "flag": True}, {"step": 1, "best_step": 1, "streaming_loss": 2},
    )  # fmt: skip
    rows = list(csv.reader(io.StringIO(rnntui("curves", run, "--csv").out)))
    assert rows == [
        ["run", "step", "seconds", "tokens", "train_loss", "bleu", "best_step", "streaming_loss"],
        ['a,"run', "1", "0.5", "2", "3.25", "", "", ""],
        ['a,"run', "2", "", "", "", "1.5", "", ""],
        ['a,"run', "1", "", "", "", "", "1", "2"],
    ]
    chosen = rnntui("curves", run, "--csv", "--metric", "bleu").out.splitlines()
    assert chosen == ["run,step,seconds,tokens,bleu", '"a,""run",2,,,1.5']


def test_json_has_every_row_with_its_run(rnntui, tmp_path: Path) -> None:
    one = make_run(tmp_path, "one", {"step": 1, "train_loss": 3.25, "sample": "é", "run": "liar"})
    two = make_run(tmp_path, "two", '{"step": 1, "train_loss": NaN}\n', {"step": 2, "bleu": 5})
    lines = rnntui("curves", one, two, "--json").out.splitlines()
    assert [json.loads(line, parse_constant=pytest.fail) for line in lines] == [
        {"run": "one", "step": 1, "train_loss": 3.25, "sample": "é"},
        {"run": "two", "step": 1, "train_loss": None},
        {"run": "two", "step": 2, "bleu": 5},
    ]
    assert rnntui("curves", one, two, "--json", "--metric", "bleu").out == '{"run": "two", "step": 2, "bleu": 5}\n'
    shipped = rnntui("curves", SHIPPED, "--json").out.splitlines()
    assert len(shipped) == len((SHIPPED / "metrics.jsonl").read_text().splitlines())


@pytest.mark.parametrize("output", [[], ["--csv"], ["--json"]])
def test_a_run_without_metrics_is_an_error(rnntui, tmp_path: Path, output: list[str]) -> None:
    run = make_run(tmp_path, "run")
    (run / "metrics.jsonl").unlink()
    result = rnntui("curves", SHIPPED, run, *output)
    assert result.code == 1 and result.out == "" and result.err.count("\n") == 1
    assert result.err.startswith("rnntui: run run has no metrics in ")
    (run / "metrics.jsonl").write_text("garbage\n{}")
    assert rnntui("curves", run, *output).code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "no run 'nobody'"),
        (["--metric", "blue"], "--metric blue: no such metric; choose from train_loss, validation_loss"),
        (["--csv", "--metric", "blue"], "no such metric"),
        (
            ["--metric", "bleu"],
            "--metric bleu: none of these runs has logged it (a metric of Seq2Seq models); they have train_loss",
        ),
        (["--json", "--metric", "exact"], "none of these runs has logged it (a metric of Seq2Seq models)"),
        (["--metric", "origin_loss"], "--metric origin_loss: none of these runs has logged it; they have train_loss"),
        (["--csv", "--json"], "choose one"),
        (["--smoothing", "1"], "0.999"),
        (["--x", "epoch"], "epoch"),
        (["--width", "3"], "--width must be between 20 and 1,000 (got 3)"),
        (["--checkpoints", "nowhere"], "there is no such folder"),
    ],
)
def test_bad_usage_is_one_line(rnntui, arguments: list[str], said: str) -> None:
    result = rnntui("curves", *arguments)
    assert result.code == 2 and said in result.err and result.err.count("\n") == 1 and result.out == ""


def test_control_characters_in_a_metrics_file_are_escaped(rnntui, tmp_path: Path) -> None:
    run = make_run(tmp_path, "run\x1b[31m", {"step": 1, "\x1b]0;x\x07": 2.0})
    out = rnntui("curves", run).out
    assert "\x1b" not in out and "\x07" not in out and "\\x1b[31m" in out


def test_a_closed_pipe_ends_it_quietly(shell) -> None:
    result = shell(f"rnntui curves {SHIPPED} --csv | head -n 1; exit ${{PIPESTATUS[0]}}")
    assert result.stdout.startswith(b"run,step,seconds,tokens,train_loss") and result.stderr == b""


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are of Unix")
@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours_and_size_are_those_of_the_terminal(tmp_path: Path, variables: dict[str, str], coloured: bool) -> None:
    import os

    import pexpect

    environment = {**os.environ, "TERM": "xterm-256color", **variables}
    for name in ("COLUMNS", "LINES", *(() if "NO_COLOR" in variables else ("NO_COLOR",))):
        environment.pop(name, None)
    out, code = pexpect.run(
        f"{sys.executable} -m rnntui curves {SHIPPED}", cwd=str(tmp_path), env=environment, dimensions=(16, 50),
        withexitstatus=True, timeout=60,
    )  # fmt: skip
    assert code == 0 and (b"\x1b[" in out) == coloured
    assert len(out.splitlines()) == 15, "a row is left for the prompt"
