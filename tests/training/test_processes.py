"""Training by several processes: the numbers of one, stopping, resuming by another number of processes, lost ones."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from labelled_runs import make_labelled_run, opinions
from pair_runs import copy_rows, make_pair_run
from process_pairs import Pair, assert_close, free_port
from test_resume import StopAfter, ignore, never
from tiny_runs import QUICK, word_text

from rnntui.cli.main import run
from rnntui.errors import UsageError
from rnntui.models.weight_arrays import load_into
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.weights_file import load_weights
from rnntui.training.evaluation import UNMONITORED, EvaluationMonitor
from rnntui.training.events import Evaluating
from rnntui.training.process_group import ProcessGroup
from rnntui.training.torchrun import TorchrunEnvironment
from rnntui.training.train_run import open_task, train_run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks")

PLACE = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
STEPS = ["--steps", "40", "--save-every", "0"]

_EVALUATE = """
os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="{port}")
from test_processes import evaluations
from rnntui.training.process_group import ProcessGroup
from rnntui.training.torchrun import TorchrunEnvironment
group = ProcessGroup.join(TorchrunEnvironment(1, 2, 1))
for path in {paths!r}:
    print(evaluations(RunFolder(Path(path)), group), flush=True)
"""


def evaluations(run: RunFolder, group: ProcessGroup) -> list[tuple[float, int, dict[str, float], dict[str, object]]]:
    """Return loss, tokens, metrics and details of all evaluations of a run's weights."""
    task = open_task(run, run.read_config(), group)
    load_into(task.model, load_weights(run.weights_file))
    monitors = UNMONITORED, EvaluationMonitor(time_left=lambda: 100.0)
    results = [task.evaluate(10**6), *(e for m in monitors for e in task.final_evaluation(10**6, m).values())]
    return [(result.loss, result.tokens, result.metrics, result.details) for result in results]


def test_two_processes_compute_what_one_does(make_run, tmp_path: Path, pair: Pair) -> None:
    steps = 7
    pairs, texts = copy_rows(101), opinions(75)
    common = {"precision": "fp32", "steps": steps, "evaluations": 2, "threads": 1}
    makers: list[Callable[[str], RunFolder]] = [
        lambda name: make_run(
            word_text(30_000),  # of whose validation text each process reads a part, with averaged weights
            name=f"lstm-{name}", eval_tokens=10**5, ngram_prior=0, dropout=0.3, weight_dropout=0.3, layers=2,
            state_reset_prob=0.3, **common,
        ),
        lambda name: make_run(name=f"gru-{name}", ngram_prior=3, cell="gru", layers=2, dropout=0.2, **common),
        lambda name: make_pair_run(tmp_path, pairs, f"pairs-{name}", layers=2, dropout=0.3, **common),
        lambda name: make_pair_run(
            tmp_path, pairs, f"fed-{name}", cell="rnn", input_feeding=True, batch_tokens=60, **common
        ),
        lambda name: make_labelled_run(
            tmp_path, texts, f"texts-{name}", layers=2, word_dropout=0.2, embedding_dropout=0.2, ngram_dropout=0.2,
            class_weight_power=1.0, batch_size=8, **common,
        ),
    ]  # fmt: skip
    runs = [make("two") for make in makers]
    pair.start([(two, 0) for two in runs])
    for two in runs:
        train_run(two, ignore, never, group=ProcessGroup(0, 2))
    assert list(pair.forks.output()) == ["True"] * len(runs)
    for make, two in zip(makers, runs, strict=True):
        alone = make("one")
        train_run(alone, ignore, never)
        assert_close(two, alone)


def test_an_evaluation_by_two_processes_has_the_results_of_one(make_run, tmp_path: Path, pair: Pair) -> None:
    common = {"precision": "fp32", "threads": 1, "steps": 12, "evaluations": 1}
    text = word_text(30_000)
    runs = [
        make_run(text, name="prior", ngram_prior=3, ngrams=2, **common),  # three streams of validation text
        make_run(text[:5000], name="short", ngram_prior=0, **common),  # one stream
        make_pair_run(tmp_path, copy_rows(300), "pairs", bleu_pairs=19, **common),
        make_pair_run(tmp_path, copy_rows(12), "one-pair", bleu_pairs=19, **common),
        make_labelled_run(tmp_path, opinions(150), "texts", **{key: common[key] for key in ("precision", "threads")}),
    ]  # fmt: skip
    for made in runs:
        train_run(made, ignore, never)
    expected = [evaluations(made, ProcessGroup()) for made in runs]
    tests = [f"sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]!r}"]
    group = pair.start_code("\n".join([*tests, _EVALUATE]), paths=[str(made.path) for made in runs])
    results = [evaluations(made, group) for made in runs]
    assert [ast.literal_eval(line) for line in pair.forks.output()] == results  # each process has the whole result
    for made, by_two, by_one in zip(runs, results, expected, strict=True):
        for (loss, tokens, metrics, details), (other, *others) in zip(by_two, by_one, strict=True):
            assert loss == pytest.approx(other, abs=1e-6), made.name
            assert [tokens, details] == [others[0], others[2]], made.name
            assert metrics == pytest.approx(others[1], abs=1e-6), made.name


def test_the_final_evaluation_of_both_processes_is_of_the_best_weights(make_run, pair: Pair) -> None:
    shape = {"steps": 3, "learning_rate": 1.0, "weight_average": 0.0, "precision": "fp32", "threads": 1}
    made = make_run(word_text(30_000), eval_tokens=10**5, evaluations=1, ngram_prior=0, **shape)
    pair.start([(made, 0)])
    train_run(made, ignore, never, group=ProcessGroup(0, 2))
    assert list(pair.forks.output()) == ["True"]
    rows = read_metrics(made.metrics_file)
    first, last = (row["validation_loss"] for row in rows if "validation_loss" in row)
    assert last > first + 0.1  # so large a learning rate has made them worse
    assert (rows[-1]["best_step"], rows[-1]["streaming_loss"]) == (0, pytest.approx(first, abs=1e-5))


def test_a_stop_in_the_final_evaluation_reaches_the_other_process_and_is_resumed(make_run, pair: Pair) -> None:
    text, shape = word_text(30_000), {"steps": 6, "ngram_prior": 0, "precision": "fp32", "threads": 1}
    stopped, straight = (make_run(text, name=name, eval_tokens=10**5, **shape) for name in ("stopped", "straight"))
    is_final = Event()

    def note(event: object) -> None:
        if isinstance(event, Evaluating) and event.is_final and event.fraction > 0:
            is_final.set()

    pair.start([(stopped, 0)])
    assert train_run(stopped, note, is_final.is_set, group=ProcessGroup(0, 2)).reason == "interrupted"
    assert list(pair.forks.output()) == ["False"]
    assert stopped.read_status().state == "stopped"
    train_run(stopped, ignore, never)
    train_run(straight, ignore, never)
    assert_close(stopped, straight)


def test_a_run_continues_with_another_number_of_processes_after_a_stop_in_any(make_run, pair: Pair) -> None:
    shape: dict[str, object] = {
        "steps": 14,
        "ngram_prior": 0,
        "dropout": 0.2,
        "state_reset_prob": 0.2,
        "precision": "fp32",
        "threads": 1,
    }
    straight, stopped = make_run(name="straight", **shape), make_run(name="stopped", **shape)
    train_run(straight, ignore, never)
    stop = StopAfter(4)
    train_run(stopped, stop.report, stop)
    pair.start([(stopped, 5)])
    finished = train_run(stopped, ignore, never, group=ProcessGroup(0, 2))
    assert (finished.reason, finished.step) == ("interrupted", 9)
    assert list(pair.forks.output()) == ["False"]
    assert stopped.read_status().state == "stopped"
    train_run(stopped, ignore, never)
    assert_close(stopped, straight)


def test_a_lost_process_ends_the_training_and_a_restart_of_the_job_continues_its_run(
    tmp_path: Path, pair: Pair, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    corpus, folder = tmp_path / "words.txt", tmp_path / "checkpoints"
    corpus.write_text(word_text())
    command = ["train", str(corpus), *QUICK, "--ngram-prior", "0", "--checkpoints", str(folder), "--name", "lost"]
    job = {"TORCHELASTIC_RUN_ID": "job", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    killed = Event()

    def kill_at_step_20(event: object, *arguments: object) -> None:
        if getattr(event, "step", 0) == 20 and not killed.is_set():
            killed.set()
            pair.forks.kill()

    monkeypatch.setattr("rnntui.cli.progress.Reporter.report", lambda self, event: kill_at_step_20(event))
    for attempt in range(2):
        place = {**job, "MASTER_PORT": str(free_port()), "TORCHELASTIC_RESTART_COUNT": str(attempt)}
        pair.forks.start(
            f"os.environ.update({ {**place, 'RANK': '1', 'LOCAL_RANK': '1'}!r}); print(run({command + STEPS!r}))"
        )
        for name, value in {**place, "RANK": "0", "LOCAL_RANK": "0"}.items():
            monkeypatch.setenv(name, value)
        code = run(command + STEPS)
        lines = capfd.readouterr().err.splitlines()
        [made] = [RunFolder(path) for path in folder.iterdir()]
        if attempt == 0:
            assert code == 1
            assert "another process of this training has ended" in lines[-1]
            assert made.read_status().state == "stopped"
        else:
            assert code == 0
            assert list(pair.forks.output()) == ["0"]
            assert made.read_status().state == "done"
            assert [row["step"] for row in read_metrics(made.metrics_file) if "train_loss" in row] == [10, 20, 30, 40]


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"WORLD_SIZE": "2"}, "the environment has WORLD_SIZE=2 but not RANK, LOCAL_RANK, MASTER_ADDR, MASTER_PORT"),
        ({**PLACE, "RANK": "two"}, "RANK=two is not a number"),
        ({**PLACE, "RANK": "2"}, "RANK=2, which is not below WORLD_SIZE=2"),
    ],
)
def test_an_environment_that_is_not_torchruns_is_refused(environ: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        TorchrunEnvironment.read(environ)
    assert "torchrun --nproc-per-node 2 -m rnntui train" in str(caught.value)


def test_a_process_alone_needs_no_environment() -> None:
    assert TorchrunEnvironment.read({}) == TorchrunEnvironment()
    assert TorchrunEnvironment.read({"WORLD_SIZE": "1"}).size == 1


def test_a_batch_that_cannot_be_divided_is_refused_with_one_that_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in PLACE.items():
        monkeypatch.setenv(name, value)
    corpus = tmp_path / "words.txt"
    corpus.write_text(word_text())
    assert run(["train", str(corpus), "--batch-size", "7", "--checkpoints", str(tmp_path / "checkpoints")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "--batch-size 7 cannot be divided among 2 processes; use a multiple of 2, such as --batch-size 8" in line


def test_two_processes_cut_evaluations_alike(make_run, pair: Pair) -> None:
    shape = {"minutes": 0.01, "precision": "fp32", "threads": 1, "ngram_prior": 0}
    made = make_run(word_text(30_000), eval_tokens=10**5, **shape)
    pair.start([(made, 0)])
    finished = train_run(made, ignore, never, group=ProcessGroup(0, 2))
    assert list(pair.forks.output()) == ["True"]
    assert finished.step > 0
    tokens = [row.get("evaluation_tokens") for row in read_metrics(made.metrics_file) if "validation_loss" in row]
    assert len(tokens) >= 2 and len(set(tokens)) == 1
