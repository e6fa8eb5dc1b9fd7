"""The training loop: steps, checks, saves, and an end by budget, by patience, by request or by divergence."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, cast

import torch

from rnntui.config import FINAL_EVALUATION_FACTOR, Budget, TrainerConfig
from rnntui.errors import RunError, TrainingError
from rnntui.kinds.samples import sample_to_json
from rnntui.models.weight_arrays import load_into, weights_of
from rnntui.runs.folder import RunFolder
from rnntui.runs.metrics_log import MetricsLog, drop_after
from rnntui.runs.run_status import RunState, RunStatus
from rnntui.runs.weights_file import load_weights, save_arrays
from rnntui.training.evaluation import Evaluation
from rnntui.training.events import Evaluated, Event, Finished, Reason, Started, Stepped
from rnntui.training.plan import Pace, Planner
from rnntui.training.resume import Progress, load_state, save_state
from rnntui.training.schedule import learning_rate
from rnntui.training.task import Task

LOG_EVERY = 10  # steps to a row of the metrics
_DIVERGED = 1.5  # times the loss of guessing evenly
_SMOOTHING = 0.95


class Trainer:
    """Trains one task in its run folder, from the start or from where it was saved.

    `report` is told of every event, after what it tells of is saved; `stop_requested` is asked after every step. The
    caller holds the run's lock.
    """

    def __init__(
        self,
        task: Task,
        config: TrainerConfig,
        budget: Budget,
        run: RunFolder,
        report: Callable[[Event], None],
        stop_requested: Callable[[], bool],
    ) -> None:
        self._task = task
        self._config = config
        self._run = run
        self._report = report
        self._stop_requested = stop_requested
        self._optimizer = make_optimizer(task, config)
        self._parameters = list(task.model.parameters())
        self._pace = Pace()
        self._progress = Progress(budget=budget)
        self._planner = self._plan_for(budget)
        self._gradient_norm = 0.0

    def _plan_for(self, budget: Budget) -> Planner:
        return Planner(budget, self._config, self._task.steps_per_epoch)

    def resume(self, budget: Budget | None = None) -> None:
        """Take up the state that was saved; a new `budget` plans anew, for the whole run, what is done included."""
        progress = load_state(self._run.resume_file, self._task, self._optimizer)
        if not _readable(self._run):
            progress.best_score = None  # the best weights are gone: those there are now are the best
        if budget is not None:
            progress.budget, progress.reason, progress.stale_checks = budget, "", 0
        self._planner = self._plan_for(progress.budget)
        if budget is None:
            self._planner.keep(progress.plan)
        progress.plan = self._planner.plan
        self._progress = progress

    @property
    def step(self) -> int:
        """How many steps are done."""
        return self._progress.step

    @property
    def minutes(self) -> float:
        """How long it has trained so far."""
        return self._progress.seconds / 60

    @property
    def over(self) -> bool:
        """Whether no step is left to do; the final evaluation may be."""
        progress, planner = self._progress, self._planner
        done = planner.spent(progress.seconds) if planner.plan.steps is None else progress.step >= planner.plan.steps
        return bool(progress.reason) or done

    def train(self) -> Finished:
        """Train until the budget ends, the loss stops falling, or a stop is asked for; always leaves a whole run.

        Raises `TrainingError` if the loss is no longer a number or has left every sensible range; the best weights
        stay saved.
        """
        task, progress = self._task, self._progress
        # Rows that a killed process wrote after its last save are made anew.
        drop_after(self._run.metrics_file, progress.step if progress.best_score is not None or progress.step else -1)
        self._log = MetricsLog(self._run.metrics_file)
        self._started = time.perf_counter() - progress.seconds
        try:
            self._status("running")
            parameters = sum(p.numel() for p in self._parameters)
            hardware = task.hardware
            device = str(hardware.device)
            self._report(Started(self._run.name, parameters, device, hardware.precision, progress.step))
            task.model.train()
            if not self._steps():
                return self._interrupted()
            return self._finish()
        except TrainingError as error:
            self._status("failed", message=str(error))
            raise
        finally:
            self._log.close()

    def _steps(self) -> bool:
        """Train; gives whether training is over, and not only interrupted."""
        progress, planner = self._progress, self._planner
        self._saved = self._logged = time.perf_counter()
        self._logged_tokens = progress.tokens
        if progress.best_score is None:
            self._check(train_loss=None)
        while not self.over:
            if self._stop_requested():
                self._save()
                return False
            began = time.perf_counter()
            rate = learning_rate(progress.step, planner.plan.steps, self._config.learning_rate, self._config.warmup)
            loss = self._step(rate)
            self._pace.add(time.perf_counter() - began)
            progress.seconds = time.perf_counter() - self._started
            planner.update(progress.step, progress.seconds, self._pace)
            progress.plan = planner.plan
            checking = planner.plan.is_check(progress.step)
            train_loss = self._log_steps(rate) if checking or progress.loss_count >= LOG_EVERY else None
            self._report(self._stepped(loss, rate))
            if checking:
                if 0 < self._config.patience <= progress.stale_checks + 1:
                    # Known before the check is saved, so that a run killed after it does not go on.
                    progress.reason = "patience"
                self._check(train_loss)
            elif time.perf_counter() - self._saved > self._config.save_every:
                self._save()
        return True

    def _step(self, rate: float) -> float:
        """One update; gives the loss before it."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        loss, tokens = self._task.loss()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, self._config.clip_grad_norm)
        value, self._gradient_norm = loss.item(), norm.item()
        self._guard(value, rate)
        self._optimizer.step()
        progress = self._progress
        progress.step += 1
        progress.tokens += tokens
        progress.loss_sum += value
        progress.loss_count += 1
        return value

    def _guard(self, loss: float, rate: float) -> None:
        """Stop before numbers that are none reach the weights, and when learning has turned into unlearning."""
        progress = self._progress
        at = f"at step {progress.step + 1:,} (learning rate {rate:.2g})"
        if not (math.isfinite(loss) and math.isfinite(self._gradient_norm)):
            what = "loss" if not math.isfinite(loss) else "gradient norm"
            raise TrainingError(f"the {what} is not finite {at}; {self._kept()}")
        before = progress.smoothed_loss if progress.smoothed_loss is not None else loss
        progress.smoothed_loss = _SMOOTHING * before + (1 - _SMOOTHING) * loss
        limit = _DIVERGED * self._task.uniform_loss
        if progress.step > 20 and progress.smoothed_loss > max(limit, 1.0):
            raise TrainingError(f"the loss diverged to {progress.smoothed_loss:.2f} {at}; {self._kept()}")

    def _kept(self) -> str:
        best = self._progress
        kept = f"the best model, of step {best.best_step:,}, is kept; " if best.best_score is not None else ""
        return f"{kept}start again with a lower --learning-rate or --clip-grad-norm"

    def _stepped(self, loss: float, rate: float) -> Stepped:
        progress, pace, plan = self._progress, self._pace, self._planner.plan
        left = None
        if plan.steps is not None and pace.step:
            todo = plan.steps - progress.step
            left = todo * pace.step + todo / plan.every * pace.check + pace.final
        speed = progress.tokens / progress.step / pace.step if pace.step else 0.0
        return Stepped(
            step=progress.step,
            steps=plan.steps,
            tokens=progress.tokens,
            seconds=progress.seconds,
            seconds_left=left,
            train_loss=loss,
            learning_rate=rate,
            gradient_norm=self._gradient_norm,
            tokens_per_second=speed,
        )

    def _log_steps(self, rate: float) -> float:
        """A row of the metrics over the steps since the last one; gives their mean loss."""
        progress = self._progress
        now = time.perf_counter()
        mean = progress.loss_sum / progress.loss_count
        self._log.write(
            {
                **self._row(),
                "train_loss": mean,
                "learning_rate": rate,
                "gradient_norm": self._gradient_norm,
                "tokens_per_second": (progress.tokens - self._logged_tokens) / max(1e-9, now - self._logged),
            }
        )
        progress.loss_sum, progress.loss_count = 0.0, 0
        self._logged, self._logged_tokens = now, progress.tokens
        return mean

    def _row(self) -> dict[str, Any]:
        progress = self._progress
        return {"step": progress.step, "tokens": progress.tokens, "seconds": round(progress.seconds, 3)}

    def _check(self, train_loss: float | None) -> None:
        """Evaluate, keep the weights if they are the best, sample a line, and save."""
        progress, task = self._progress, self._task
        began = time.perf_counter()
        found = task.evaluate(self._config.eval_tokens)
        evaluated = time.perf_counter()
        self._must_be_finite(found)
        best = progress.best_score is None or found.score < progress.best_score
        if best:
            progress.best_score, progress.best_loss = found.score, found.loss
            progress.best_bits, progress.best_metrics = found.bits_per_character, found.metrics
            progress.best_step, progress.stale_checks, progress.reason = progress.step, 0, ""
            metadata = {"step": str(progress.step), "validation_loss": repr(found.loss)}
            save_arrays(self._run.weights_file, weights_of(task.model), metadata)
        else:
            progress.stale_checks += 1
        length = self._config.sample_length
        sample = task.sample(length, self._config.seed + progress.step) if length else {}
        progress.seconds = time.perf_counter() - self._started
        self._log.write(
            {
                **self._row(),
                "validation_loss": found.loss,
                "bits_per_character": found.bits_per_character,
                **found.metrics,
                "sample": sample_to_json(sample),
            }
        )
        self._status("running")
        self._save()
        self._pace.check = time.perf_counter() - began
        # The last evaluation reads more, and does more with it; how much more, the task knows.
        more = min(FINAL_EVALUATION_FACTOR, max(1.0, task.validation_tokens / max(1, found.tokens)))
        self._pace.final = (evaluated - began) * more * task.final_cost_ratio
        self._logged += self._pace.check  # tokens/s are of steps alone
        bits = found.bits_per_character
        self._report(Evaluated(progress.step, train_loss, found.loss, bits, best, sample, found.metrics))

    def _must_be_finite(self, found: Evaluation) -> None:
        if not math.isfinite(found.loss):
            raise TrainingError(
                f"the validation loss is not finite at step {self._progress.step:,}; the model has lost its footing on "
                f"text it has not seen; {self._kept()}"
            )

    def _save(self) -> None:
        began = time.perf_counter()
        self._progress.seconds = began - self._started
        self._log.sync()  # the rows up to this step must not be lost where the state is not
        save_state(self._run.resume_file, self._task, self._optimizer, self._progress)
        self._saved = time.perf_counter()

    def _interrupted(self) -> Finished:
        self._status("stopped")
        return self._finished("interrupted", {}, None, {})

    def _finish(self) -> Finished:
        """The final evaluation of the best weights; a run killed before it is done does it when resumed."""
        progress = self._progress
        reason = cast(Reason, progress.reason or "budget")
        load_into(self._task.model, load_weights(self._run.weights_file))
        found = self._task.final_evaluation(FINAL_EVALUATION_FACTOR * self._config.eval_tokens)
        for evaluation in found.values():
            self._must_be_finite(evaluation)
        progress.seconds = time.perf_counter() - self._started
        results = {name: evaluation.loss for name, evaluation in found.items()}
        primary_evaluation = found[self._task.primary_evaluation]
        bits = primary_evaluation.bits_per_character
        losses = {f"{name}_loss": loss for name, loss in results.items()}
        figures = {**losses, "bits_per_character": bits, **primary_evaluation.metrics}
        self._log.write({**self._row(), **figures, "best_step": progress.best_step})
        self._log.sync()
        progress.best_loss, progress.best_bits = primary_evaluation.loss, bits
        self._status("done", results=results | primary_evaluation.metrics)
        return self._finished(reason, results, bits, primary_evaluation.metrics)

    def _finished(
        self, reason: Reason, results: dict[str, float], bits: float | None, metrics: dict[str, float]
    ) -> Finished:
        progress = self._progress
        steps = self._planner.plan.steps
        best = progress.best_step
        finished = Finished(reason, progress.step, steps, progress.seconds, best, results, bits, metrics)
        self._report(finished)
        return finished

    def _status(self, state: RunState, message: str = "", results: dict[str, float] | None = None) -> None:
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
            )
        )


def _readable(run: RunFolder) -> bool:
    try:
        load_weights(run.weights_file)
    except RunError:
        return False
    return True


def make_optimizer(task: Task, config: TrainerConfig) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019), without decay on biases."""
    named = list(task.model.named_parameters())
    groups = [
        {"params": [p for _, p in named if p.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [p for _, p in named if p.dim() <= 1], "weight_decay": 0.0},
    ]
    fused = task.hardware.device.type in ("cpu", "cuda")
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99), fused=fused)
