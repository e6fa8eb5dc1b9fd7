"""Training loop: steps, evaluations and saves, until the budget, the patience, a stop request or divergence ends it."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from typing import cast

from torch import Tensor

from rnntui.config import FINAL_EVALUATION_FACTOR, TrainerConfig
from rnntui.errors import TrainingError
from rnntui.models.weight_arrays import load_into, weights_of
from rnntui.runs.held_run import HeldRun
from rnntui.runs.run_status import RunState
from rnntui.runs.weights_file import load_weights, save_arrays
from rnntui.system_memory import is_out_of_memory, release_free_memory
from rnntui.training.divergence import DivergenceGuard
from rnntui.training.evaluation import Evaluation, EvaluationMonitor, TimeLeft, unlimited
from rnntui.training.evaluation_share import LOSS_SHARE, TRANSLATION_SHARE
from rnntui.training.events import Evaluated, Evaluating, Event, Finished, FinishReason, Started, Stepped
from rnntui.training.gradient_step import GradientStep
from rnntui.training.metrics_and_status import LOG_EVERY, MetricsWriter, StatusWriter
from rnntui.training.plan import StepTimer, learning_rate
from rnntui.training.process_group import Command, ProcessLostError
from rnntui.training.selection import SelectionRule
from rnntui.training.speed import SpeedMonitor
from rnntui.training.step_memory import out_of_memory
from rnntui.training.training_state import TrainingState
from rnntui.training.unread_steps import UnreadSteps


class _FinalEvaluationStoppedError(Exception):
    """A stop was requested during the final evaluation, which a resumed run does again."""


class Trainer:
    """Trains one task in its run folder, from the start or from a saved state.

    Args:
        state: The model, the optimizer, the progress and the plan.
        config: Settings of the loop.
        held: The run where weights, resume file and status are written; the caller holds its lock.
        metrics: Where rows of metrics are written; the caller closes it.
        report: Receives every event, after what it reports is saved.
        stop_requested: Asked before every step, and during the final evaluation.

    Of several processes that train together, this is the loop of rank 0.
    """

    def __init__(
        self,
        state: TrainingState,
        config: TrainerConfig,
        held: HeldRun,
        metrics: MetricsWriter,
        report: Callable[[Event], None],
        stop_requested: Callable[[], bool],
    ) -> None:
        self._state = state
        self._task = state.task
        self._progress = state.progress
        self._planner = state.planner
        self._config = config
        self._rule = SelectionRule.of(config.selection_order)
        self._run, self._held = held.run, held
        self._metrics = metrics
        self._report = report
        self._group = state.task.hardware.group
        self._gradient_step = GradientStep(
            state.task, state.optimizer, config.clip_grad_norm, stop_requested, state.outer_step
        )
        self._stop_requested = self._gradient_step.stop_requested
        self._status = StatusWriter(held.run, state.progress, state.planner, metrics)
        self._guard = DivergenceGuard(state.progress, state.task.uniform_loss)
        self._timer = StepTimer(state.progress.evaluation_seconds, state.progress.final_seconds)
        self._speed = SpeedMonitor()
        self._unread = UnreadSteps()
        self._untimed_steps = 0
        self._last_numbers = math.nan, math.nan
        self._started_at = time.perf_counter() - state.progress.seconds
        self._saved_at = self._stepping_since = time.perf_counter()

    def train(self) -> Finished:
        """Train until the budget ends, the model stops improving, or a stop is requested; always leaves a valid run.

        Raises `TrainingError` if the loss is not finite or has left every sensible range, or if there is not enough
        memory; the best weights stay saved.
        """
        task, hardware = self._task, self._task.hardware
        try:
            self._write_status("running")
            parameters = sum(p.numel() for p in task.model.parameters())
            device = str(hardware.device)
            self._report(Started(self._run.name, parameters, device, hardware.precision, self._progress.step))
            task.model.train()
            self._align_processes()
            if self._run_steps():
                with contextlib.suppress(_FinalEvaluationStoppedError):
                    return self._finish()
            self._write_status("stopped")
            self._group.announce(Command.END, 1)
            return self._report_finished("interrupted", {}, None)
        except ProcessLostError:
            self._write_status("stopped")
            raise
        except TrainingError as error:
            self._write_status("failed", str(error))
            raise
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            failure = out_of_memory(self._progress.step, task.kind)
            self._write_status("failed", str(failure))
            raise failure from error

    def _run_steps(self) -> bool:
        """Run the steps that are left; returns True if training is over, False if it is interrupted."""
        progress, planner = self._progress, self._planner
        self._saved_at = self._stepping_since = time.perf_counter()
        self._metrics.restart_timer()
        if progress.best_loss is None:
            self._evaluate(train_loss=None)
        is_round_over = True  # between rounds, all processes have the same state: only then it is evaluated or saved
        while not self._state.is_over:
            if is_round_over and self._stop_requested():
                self._save()
                return False
            rate = learning_rate(progress.step, planner.plan, self._config)
            self._timed_step(rate)
            is_round_over = self._end_round()
            is_replanned = is_round_over and planner.update(progress, self._timer)
            progress.plan = planner.plan
            is_evaluation = is_round_over and planner.plan.is_evaluation(progress.step, progress.evaluated_step)
            if is_evaluation:
                self._read_steps()
                self._time_steps()
            loss, gradient_norm = self._last_numbers
            has_row = is_evaluation or self._metrics.is_due
            slowdown = self._speed.slowdown
            train_loss = self._metrics.write_steps(rate, gradient_norm, slowdown) if has_row else None
            self._report_step(loss, rate, gradient_norm)
            if is_evaluation:
                self._evaluate(train_loss)
            elif is_replanned or (is_round_over and time.perf_counter() - self._saved_at > self._config.save_every):
                # A plan that the clock has made is saved before a step is done by it: a resumed run repeats that step.
                self._write_status("running")
                self._save()
        if progress.evaluated_step != progress.step:  # a budget that was over before there was a plan
            self._read_steps()
            self._time_steps()
            self._evaluate(train_loss=None)
        return True

    def _timed_step(self, rate: float) -> None:
        """Update the weights once, and take the time."""
        threads = self._task.hardware.threads.start_step()
        began, tokens = time.perf_counter(), self._progress.tokens
        self._untimed_steps += 1
        self._step(rate)
        seconds, tokens = time.perf_counter() - began, self._progress.tokens - tokens
        self._metrics.note_threads(threads)
        self._task.hardware.threads.add_step(seconds, tokens)
        self._speed.add(seconds, tokens)

    def _end_round(self) -> bool:
        """Return True if a round of local steps is over, after which all processes have the same state."""
        left = self._progress.step % self._config.local_steps
        is_over = left == 0 or self._state.is_over
        if is_over:
            if self._config.local_steps > 1:
                self._group.announce(Command.OUTER_STEP)
                self._gradient_step.end_round()
            self._state.update_average(left or self._config.local_steps)
            if not self._unread:
                self._time_steps()
        self._update_seconds()
        return is_over

    def _time_steps(self) -> None:
        """Divide the time since the last call among the steps since then.

        What the loop does beside a step is time too: a plan without it would run late. On a GPU, a step that is not
        waited for seems to take no time, and the one that is waited for, that of all before it.
        """
        if not self._untimed_steps:
            return
        now = time.perf_counter()
        for _ in range(self._untimed_steps):
            self._timer.add((now - self._stepping_since) / self._untimed_steps)
        self._stepping_since, self._untimed_steps = now, 0

    def _step(self, rate: float) -> None:
        """Update the weights once; its loss and its gradient norm are read at once, or on a GPU some steps later."""

        def note(loss: Tensor, gradient_norm: Tensor) -> None:
            self._unread.add(self._progress.step + 1, loss, gradient_norm, rate)
            if not self._gradient_step.reads_later:
                self._read_steps()

        self._group.announce(Command.STEP, rate)
        self._progress.add_step(self._gradient_step.run(rate, note))
        if self._progress.loss_count + len(self._unread) >= LOG_EVERY or math.isnan(self._last_numbers[0]):
            self._read_steps()

    def _read_steps(self) -> None:
        """Check and count the losses and gradient norms of the steps that have not been read.

        Raises `TrainingError` if one is not finite, or the loss diverges. An update that is not finite never reaches
        the weights: it is made after this, or the optimizer has skipped it.
        """
        for step, loss, gradient_norm, rate in self._unread.read():
            self._guard.check_step(step, loss, gradient_norm, rate)
            self._progress.add_loss(loss, is_clipped=self._gradient_step.is_clipped(gradient_norm))
            self._last_numbers = loss, gradient_norm

    def _align_processes(self) -> None:
        """Give the weights to the other processes, whose own may be rounded differently on another machine."""
        self._group.announce(Command.WEIGHTS)
        self._group.take_over(list(self._task.model.parameters()))

    def _report_step(self, loss: float, rate: float, gradient_norm: float) -> None:
        progress, timer = self._progress, self._timer
        self._report(
            Stepped(
                step=progress.step,
                steps=self._planner.plan.steps,
                tokens=progress.tokens,
                seconds=progress.seconds,
                seconds_left=self._planner.seconds_left(progress, timer),
                train_loss=loss,
                learning_rate=rate,
                gradient_norm=gradient_norm,
                tokens_per_second=progress.tokens / progress.step / timer.step_seconds if timer.step_seconds else 0.0,
                slowdown=self._speed.slowdown,
            )
        )

    def _evaluate(self, train_loss: float | None) -> None:
        """Evaluate, save the weights if they are the best, sample a line, and save the state.

        With an average of the weights, it is the average that is evaluated, saved as the best and sampled from.
        """
        progress, task = self._progress, self._task
        entered = time.perf_counter()
        with self._state.averaged_weights():
            if self._state.average is not None:
                self._align_processes()
            note_of = self._limit_evaluation()
            began = time.perf_counter()
            self._group.announce(Command.EVALUATE)
            evaluation = task.evaluate(self._config.eval_tokens, self._monitor())
            evaluation_seconds = time.perf_counter() - began
            self._guard.check_evaluation(evaluation)
            # Before the state is saved: a run killed after that save must not train on once patience is exhausted.
            is_best = progress.record_evaluation(evaluation, self._rule, self._config.patience)
            if is_best:
                metadata = {"step": str(progress.step), "validation_loss": repr(evaluation.loss)}
                self._held.check()
                save_arrays(self._run.weights_file, weights_of(task.model), metadata)
            length = self._config.sample_length
            sample = task.sample(length, self._config.seed + progress.step) if length else {}
        # The final evaluation reads more tokens, and costs more per token.
        factor = FINAL_EVALUATION_FACTOR / min(progress.evaluation_shares.values(), default=1.0)
        token_ratio = min(factor, max(1.0, task.validation_tokens / max(1, evaluation.tokens)))
        final_seconds = evaluation_seconds * token_ratio * task.final_cost_ratio
        self._timer.final_seconds = min(final_seconds, self._planner.final_limit)
        progress.final_seconds, progress.evaluation_seconds = self._timer.final_seconds, time.perf_counter() - began
        self._update_seconds()
        self._metrics.write_evaluation(evaluation, sample)
        self._write_status("running")
        self._save()
        release_free_memory()
        self._align_processes()
        self._stepping_since = time.perf_counter()
        self._timer.evaluation_seconds = self._stepping_since - began
        self._metrics.exclude(self._stepping_since - entered)
        self._report(
            Evaluated(
                step=progress.step,
                train_loss=train_loss,
                validation_loss=evaluation.loss,
                bits_per_character=evaluation.bits_per_character,
                best=is_best,
                sample=sample,
                metrics=evaluation.metrics,
                note=note_of(evaluation),
            )
        )

    def _limit_evaluation(self) -> Callable[[Evaluation], str]:
        """Choose how much evaluations read, as far as that is open; returns what to say of the evaluation.

        A short budget on a slow machine would be over before the first evaluation.
        """
        progress, task, config = self._progress, self._task, self._config
        limit = self._planner.evaluation_limit
        self._group.announce(Command.LIMIT_EVALUATION, limit)
        task.limit_evaluation(config.eval_tokens, limit)
        chosen = task.evaluation_shares.items() - progress.evaluation_shares.items()
        shortened = {name: share for name, share in chosen if share < 1}
        progress.evaluation_shares = dict(task.evaluation_shares)

        def note(evaluation: Evaluation) -> str:
            notes = []
            if LOSS_SHARE in shortened:
                whole = min(config.eval_tokens, task.validation_tokens)
                notes.append(f"read {evaluation.tokens:,} validation tokens each instead of {whole:,}")
            if TRANSLATION_SHARE in shortened:
                notes.append(f"translate {max(0.001, shortened[TRANSLATION_SHARE]):.1%} of the pairs of --bleu-pairs")
            return f"evaluations {' and '.join(notes)}, as the budget is short" if notes else ""

        return note

    def _update_seconds(self) -> None:
        self._progress.seconds = time.perf_counter() - self._started_at

    def _write_status(self, state: RunState, message: str = "", results: dict[str, float] | None = None) -> None:
        """Write the status, and before it all rows of metrics, of which it has the checksum."""
        self._held.check()
        self._metrics.sync()
        self._status.write(state, message, results)

    def _save(self) -> None:
        self._read_steps()
        self._time_steps()
        self._update_seconds()
        began = time.perf_counter()
        self._held.check()
        self._metrics.sync()  # a state must never be newer than the rows up to its step
        self._state.save(self._run.resume_file)
        self._metrics.save_curves()
        self._saved_at = self._stepping_since = time.perf_counter()
        self._timer.save_seconds = self._saved_at - began

    def _finish(self) -> Finished:
        """Evaluate the best weights; a run killed before this is done does it when resumed."""
        progress, task = self._progress, self._task
        load_into(task.model, load_weights(self._run.weights_file))
        self._align_processes()
        latest_end = self._planner.latest_end()

        def time_left() -> float:
            self._update_seconds()
            return latest_end - progress.seconds

        monitor = self._monitor(time_left, is_final=True)
        monitor.report(0.0)
        self._group.announce(Command.EVALUATE_FINALLY, time_left())
        evaluations = task.final_evaluation(FINAL_EVALUATION_FACTOR * self._config.eval_tokens, monitor)
        for evaluation in evaluations.values():
            self._guard.check_evaluation(evaluation)
        self._update_seconds()
        losses = {name: evaluation.loss for name, evaluation in evaluations.items()}
        primary = evaluations[task.primary_evaluation]
        self._held.check()
        self._metrics.write_final(losses, primary)
        progress.best_loss, progress.best_bits = primary.loss, primary.bits_per_character
        self._write_status("done", results=losses | primary.metrics)
        self._group.announce(Command.END)
        return self._report_finished(cast(FinishReason, progress.reason or "budget"), losses, primary)

    def _monitor(self, time_left: TimeLeft = unlimited, is_final: bool = False) -> EvaluationMonitor:
        """Return the monitor of an evaluation; it ends the final one as soon as a stop is requested."""

        def report(fraction: float) -> None:
            if is_final and self._stop_requested():
                raise _FinalEvaluationStoppedError
            self._report(Evaluating(self._progress.step, fraction, is_final))

        return EvaluationMonitor(time_left, report)

    def _evaluation_note(self, primary: Evaluation | None) -> str:
        if primary is None or not primary.is_partial:
            return ""
        whole = min(FINAL_EVALUATION_FACTOR * self._config.eval_tokens, self._task.validation_tokens)
        of_whole = f" of {whole:,}" if primary.tokens < whole else ""
        return f"the final evaluation was cut short to keep the budget: it read {primary.tokens:,}{of_whole} tokens"

    def _stop_reason(self, reason: FinishReason) -> str:
        if reason == "patience":
            return self._rule.stop_reason(self._progress.best_metrics)
        if reason == "budget" and self._planner.is_at_most_epochs(self._progress):
            return f"all of its {self._config.max_epochs:g} epochs, see --max-epochs"
        return ""

    def _report_finished(self, reason: FinishReason, losses: dict[str, float], primary: Evaluation | None) -> Finished:
        progress = self._progress
        finished = Finished(
            reason=reason,
            step=progress.step,
            steps=self._planner.plan.steps,
            seconds=progress.seconds,
            best_step=progress.best_step,
            losses=losses,
            bits_per_character=primary.bits_per_character if primary else None,
            metrics=primary.metrics if primary else {},
            stop_reason=self._stop_reason(reason),
            evaluation_note=self._evaluation_note(primary),
            seconds_late=0.0 if reason == "interrupted" else self._planner.seconds_late(progress),
        )
        self._report(finished)
        return finished
