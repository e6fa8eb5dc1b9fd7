"""Writers of a run's `metrics.jsonl` and `status.json` while it trains."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rnntui.charts.metrics_history import MetricsHistory
from rnntui.kinds.samples import Sample, sample_to_json
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import MetricsLog, drop_after
from rnntui.runs.run_status import RunState, RunStatus
from rnntui.runs.tensorboard_log import TensorBoardLog
from rnntui.training.evaluation import Evaluation
from rnntui.training.plan import StepPlanner
from rnntui.training.progress import TrainingProgress
from rnntui.training.speed import Slowdown

LOG_EVERY = 10  # steps to a row of the metrics
_MAX_UNREAD = 1 << 26  # bytes of metrics; to read more, of an earlier version, is left to those who draw charts


class MetricsWriter:
    """Writes the rows of `metrics.jsonl`: one every few steps, one for each evaluation, one for the final evaluation.

    Rows beyond `progress`, which a killed process wrote after its last save, are dropped: training writes them again.

    Args:
        path: the file.
        progress: the progress that the rows are about.
        tensorboard: folder of event files of TensorBoard that get the same rows; None for none.
    """

    def __init__(self, path: Path, progress: TrainingProgress, tensorboard: Path | None = None) -> None:
        has_rows = progress.step or progress.best_loss is not None
        drop_after(path, progress.step if has_rows else -1)
        self._log = MetricsLog(path)
        self._history = MetricsHistory(path)
        self._history.read()  # what was saved of the rows before
        self._events = None
        if tensorboard is not None:
            self._events = TensorBoardLog(tensorboard, progress.step if has_rows else None)
        self._progress = progress
        self._timed_from = time.perf_counter()
        self._counted_from = progress.tokens
        self._threads = 0
        self._thread_changes: list[list[int]] = []  # steps, with the number of threads from then on

    def note_threads(self, threads: int) -> None:
        """Note the number of threads of the step just done; the next row names the steps where it changed."""
        if self._threads not in (0, threads):
            self._thread_changes.append([self._progress.step, threads])
        self._threads = threads

    def restart_timer(self) -> None:
        """Measure the tokens per second of the next row from now on."""
        self._timed_from, self._counted_from = time.perf_counter(), self._progress.tokens

    def exclude(self, seconds: float) -> None:
        """Leave out a pause of so many seconds: tokens per second are of steps alone."""
        self._timed_from += seconds

    @property
    def is_due(self) -> bool:
        """True if there are steps enough for a row."""
        return self._progress.loss_count >= LOG_EVERY

    def write_steps(self, rate: float, gradient_norm: float, slowdown: Slowdown | None = None) -> float:
        """Write a row over the steps since the last one, and return their mean loss in nats a token.

        Args:
            rate: Learning rate of the last step.
            gradient_norm: Norm of its gradient before clipping.
            slowdown: Set while the training is much slower than usual; the row says so in words.
        """
        now, tokens = time.perf_counter(), self._progress.tokens
        mean, clipped_share = self._progress.take_means()
        self._write(
            {
                "train_loss": mean,
                "learning_rate": rate,
                "gradient_norm": gradient_norm,
                "clipped_share": clipped_share,
                "tokens_per_second": (tokens - self._counted_from) / max(1e-9, now - self._timed_from),
                "threads": self._threads,
                **({"thread_changes": self._thread_changes} if self._thread_changes else {}),
                **({"slowdown": str(slowdown)} if slowdown else {}),
            }
        )
        self._timed_from, self._counted_from = now, tokens
        self._thread_changes = []
        return mean

    def write_evaluation(self, evaluation: Evaluation, sample: Sample) -> None:
        """Write the row of an evaluation during training."""
        self._write(
            {
                "validation_loss": evaluation.loss,
                **_results(evaluation),
                "sample": sample_to_json(sample),
            }
        )

    def write_final(self, losses: dict[str, float], primary: Evaluation) -> None:
        """Write the row of the final evaluation: its losses by name, and the metrics of the primary one."""
        self._write(
            {
                **{f"{name}_loss": loss for name, loss in losses.items()},
                **_results(primary),
                "best_step": self._progress.best_step,
            }
        )

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._log.size

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, as hexadecimal digits."""
        return self._log.checksum

    def sync(self) -> None:
        """Make the rows survive a power cut."""
        self._log.sync()

    def save_curves(self) -> None:
        """Let charts show the rows of a long run at once.

        Call it once the state is saved: a run that is resumed drops the rows after that, and with one of them the
        saved curves are of no use.
        """
        if self._log.size - self._history.offset < _MAX_UNREAD:
            self._history.read_all()

    def close(self) -> None:
        """Sync and close the file."""
        self._log.close()
        if self._events is not None:
            self._events.close()

    def _write(self, values: dict[str, Any]) -> None:
        progress = self._progress
        position = {"step": progress.step, "tokens": progress.tokens, "seconds": round(progress.seconds, 3)}
        self._log.write(position | values)
        if self._events is not None:
            self._events.write(position | values)


def _results(evaluation: Evaluation) -> dict[str, Any]:
    """Return what a row holds of an evaluation beside its loss."""
    bits = evaluation.bits_per_character
    return {
        **({} if bits is None else {"bits_per_character": bits}),
        **({"evaluation_tokens": evaluation.tokens} if evaluation.is_partial else {}),
        **evaluation.metrics,
        **evaluation.details,
    }


class StatusWriter:
    """Writes `status.json` from the progress, the plan, and the metrics that have been written."""

    def __init__(
        self, run: RunFolder, progress: TrainingProgress, planner: StepPlanner, metrics: MetricsWriter
    ) -> None:
        self._metrics = metrics
        self._run = run
        self._progress = progress
        self._planner = planner

    def write(self, state: RunState, message: str = "", results: dict[str, float] | None = None) -> None:
        """Replace the status; `results` are by default the metrics of the best weights so far."""
        progress = self._progress
        self._run.write_status(
            RunStatus(
                state,
                step=progress.step,
                steps=self._planner.plan.steps,
                tokens=progress.tokens,
                seconds=round(progress.seconds, 3),
                validation_loss=progress.best_loss,
                bits_per_character=progress.best_bits,
                results=results or progress.best_metrics,
                message=message,
                metrics_bytes=self._metrics.size,
                metrics_sha256=self._metrics.checksum,
            )
        )
