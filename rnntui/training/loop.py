"""The training loop: steps, checks, saves, and an end by budget, by patience, by request or by divergence."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch

from rnntui.config import Budget, TrainingConfig
from rnntui.errors import TrainingError
from rnntui.models.language_model import load_into, weights_of
from rnntui.runs.folder import RunFolder, State, Status
from rnntui.runs.metrics import MetricsLog, drop_after
from rnntui.runs.weights import load_weights, save_arrays
from rnntui.training.events import Evaluated, Event, Finished, Reason, Started, Stepped
from rnntui.training.plan import Pace, Planner
from rnntui.training.resume import Progress, load_state, save_state
from rnntui.training.schedule import learning_rate
from rnntui.training.task import Task

LOG_EVERY = 10  # steps to a row of the metrics
FINAL_SHARE = 4  # the last evaluation reads so many times the tokens of a check
_DIVERGED = 1.5  # times the loss of guessing evenly
_SMOOTHING = 0.95


class Trainer:
    """Trains one task in its run folder, from the start or from where it was saved.

    `report` is told of every event; `stop_requested` is asked after every step. The caller holds the run's lock.
    """

    def __init__(
        self,
        task: Task,
        config: TrainingConfig,
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
        self._optimizer = _optimizer(task, config)
        self._parameters = list(task.model.parameters())
        self._planner = Planner(budget, config, task.tokens_per_step, task.tokens_per_epoch)
        self._pace = Pace()
        self._progress = Progress()
        self._gradient_norm = 0.0

    def resume(self, *, new_budget: bool) -> None:
        """Take up the state that was saved; `new_budget` plans anew from the budget instead of keeping the plan."""
        progress = load_state(self._run.resume_file, self._task, self._optimizer)
        if new_budget:
            progress.finished, progress.stale_checks = False, 0
        else:
            self._planner.keep(progress.plan)
        self._progress = progress
        drop_after(self._run.metrics_file, progress.step)

    @property
    def finished(self) -> bool:
        """Whether the run has nothing left to do."""
        steps = self._planner.plan.steps
        return self._progress.finished or (steps is not None and self._progress.step >= steps)

    def train(self) -> Finished:
        """Train until the budget ends, the loss stops falling, or a stop is asked for; always leaves a whole run.

        Raises `TrainingError` if the loss is no longer a number or has left every sensible range; the best weights
        stay saved.
        """
        task, progress = self._task, self._progress
        self._log = MetricsLog(self._run.metrics_file)
        self._started = time.perf_counter() - progress.seconds
        self._status("running")
        parameters = sum(p.numel() for p in self._parameters)
        hardware = task.hardware
        self._report(
            Started(
                self._run.name,
                parameters,
                str(hardware.device),
                hardware.precision,
                progress.step,
                task.tokens_per_step,
            )
        )
        try:
            task.model.train()
            reason = self._steps()
            return self._finish(reason)
        except TrainingError as error:
            self._status("failed", str(error))
            raise
        finally:
            self._log.close()

    def _steps(self) -> Reason:
        progress, planner = self._progress, self._planner
        if progress.best_loss is None:
            self._check(train_loss=None)
            self._save()
        self._saved = self._logged = time.perf_counter()
        self._logged_step = progress.step
        while not self.finished:
            if self._stop_requested():
                self._save()
                return "interrupted"
            began = time.perf_counter()
            rate = learning_rate(progress.step, planner.plan.steps, self._config.learning_rate, self._config.warmup)
            loss = self._step(rate)
            self._pace.add(time.perf_counter() - began)
            progress.seconds = time.perf_counter() - self._started
            planner.update(progress.step, progress.seconds, self._pace)
            progress.plan = planner.plan
            self._report(self._stepped(loss, rate))
            checking = planner.plan.is_check(progress.step)
            if checking or progress.loss_count >= LOG_EVERY:
                train_loss = self._log_steps(rate)
            if checking:
                self._check(train_loss)
                self._save()
                if 0 < self._config.patience <= progress.stale_checks:
                    return "patience"
            elif time.perf_counter() - self._saved > self._config.save_every:
                self._save()
        return "budget"

    def _step(self, rate: float) -> float:
        """One update; gives the loss before it."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        loss = self._task.loss()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, self._config.clip)
        value, self._gradient_norm = loss.item(), norm.item()
        self._guard(value, rate)
        self._optimizer.step()
        progress = self._progress
        progress.step += 1
        progress.loss_sum += value
        progress.loss_count += 1
        return value

    def _guard(self, loss: float, rate: float) -> None:
        """Stop before numbers that are none reach the weights, and when learning has turned into unlearning."""
        progress = self._progress
        at = f"at step {progress.step + 1:,} (learning rate {rate:.2g})"
        kept = f"the best model, of step {progress.best_step:,}, is kept; try a lower --learning-rate or --clip"
        if not (math.isfinite(loss) and math.isfinite(self._gradient_norm)):
            what = "loss" if not math.isfinite(loss) else "gradient norm"
            raise TrainingError(f"the {what} is not finite {at}; {kept}")
        before = progress.smoothed_loss if progress.smoothed_loss is not None else loss
        progress.smoothed_loss = _SMOOTHING * before + (1 - _SMOOTHING) * loss
        limit = _DIVERGED * self._task.uniform_loss
        if progress.step > 20 and progress.smoothed_loss > max(limit, 1.0):
            raise TrainingError(f"the loss diverged to {progress.smoothed_loss:.2f} {at}; {kept}")

    def _stepped(self, loss: float, rate: float) -> Stepped:
        progress, pace, steps = self._progress, self._pace, self._planner.plan.steps
        left = None
        if steps is not None and pace.step:
            todo = steps - progress.step
            left = todo * pace.step + todo / self._planner.plan.every * pace.check + pace.final
        per_step = self._task.tokens_per_step
        rate_of_tokens = per_step / pace.step if pace.step else 0.0
        return Stepped(
            progress.step, steps, progress.step * per_step, progress.seconds, left, loss, rate, self._gradient_norm,
            rate_of_tokens,
        )  # fmt: skip

    def _log_steps(self, rate: float) -> float:
        """A row of the metrics over the steps since the last one; gives their mean loss."""
        progress = self._progress
        now = time.perf_counter()
        mean = progress.loss_sum / progress.loss_count
        tokens = (progress.step - self._logged_step) * self._task.tokens_per_step
        self._log.write(
            {
                **self._row(),
                "train_loss": mean,
                "learning_rate": rate,
                "gradient_norm": self._gradient_norm,
                "tokens_per_second": tokens / max(1e-9, now - self._logged),
            }
        )
        progress.loss_sum, progress.loss_count = 0.0, 0
        self._logged, self._logged_step = now, progress.step
        return mean

    def _row(self) -> dict[str, Any]:
        progress = self._progress
        tokens = progress.step * self._task.tokens_per_step
        return {"step": progress.step, "tokens": tokens, "seconds": round(progress.seconds, 3)}

    def _check(self, train_loss: float | None) -> None:
        """Evaluate, keep the weights if they are the best, and sample a line."""
        progress, task = self._progress, self._task
        began = time.perf_counter()
        found = task.evaluate(self._config.eval_tokens)
        evaluated = time.perf_counter()
        best = progress.best_loss is None or found.loss < progress.best_loss
        if best:
            progress.best_loss, progress.best_bits = found.loss, found.bits_per_character
            progress.best_step, progress.stale_checks = progress.step, 0
            metadata = {"step": str(progress.step), "validation_loss": repr(found.loss)}
            save_arrays(self._run.weights_file, weights_of(task.model), metadata)
        else:
            progress.stale_checks += 1
        length = self._config.sample_length
        sample = task.sample(length, self._config.seed + progress.step) if length else ""
        self._pace.check = time.perf_counter() - began
        # The last evaluation reads more, twice; how much more there is to read, its first tokens do not tell.
        more = min(FINAL_SHARE, max(1.0, (self._task.validation_tokens - 1) / max(1, found.tokens)))
        self._pace.final = (evaluated - began) * more * 2
        progress.seconds = time.perf_counter() - self._started
        self._log.write(
            {
                **self._row(),
                "validation_loss": found.loss,
                "bits_per_character": found.bits_per_character,
                "sample": sample or None,
            }
        )
        self._status("running")
        self._report(Evaluated(progress.step, train_loss, found.loss, found.bits_per_character, best, sample))
        self._logged = time.perf_counter()

    def _save(self) -> None:
        self._progress.seconds = time.perf_counter() - self._started
        save_state(self._run.resume_file, self._task, self._optimizer, self._progress)
        self._saved = time.perf_counter()

    def _finish(self, reason: Reason) -> Finished:
        progress = self._progress
        steps = self._planner.plan.steps
        if reason == "interrupted":
            self._status("stopped")
            finished = Finished(reason, progress.step, steps, progress.seconds, progress.best_step)
            self._report(finished)
            return finished
        progress.finished = True
        self._save()
        load_into(self._task.model, load_weights(self._run.weights_file))
        found = self._task.final_evaluation(FINAL_SHARE * self._config.eval_tokens)
        windowed = found.get("windowed")
        progress.seconds = time.perf_counter() - self._started
        results = {f"{name}_loss": evaluation.loss for name, evaluation in found.items()}
        bits = found["streaming"].bits_per_character
        self._log.write({**self._row(), **results, "bits_per_character": bits, "best_step": progress.best_step})
        self._status("done", found=results, bits=bits)
        finished = Finished(
            reason, progress.step, steps, progress.seconds, progress.best_step,
            found["streaming"].loss, windowed.loss if windowed else None, bits,
        )  # fmt: skip
        self._report(finished)
        return finished

    def _status(
        self,
        state: State,
        message: str = "",
        found: dict[str, float] | None = None,
        bits: float | None = None,
    ) -> None:
        progress = self._progress
        found = found or {}
        self._run.write_status(
            Status(
                state,
                step=progress.step,
                steps=self._planner.plan.steps,
                tokens=progress.step * self._task.tokens_per_step,
                seconds=round(progress.seconds, 3),
                validation_loss=found.get("streaming_loss", progress.best_loss),
                windowed_loss=found.get("windowed_loss"),
                bits_per_character=bits if bits is not None else progress.best_bits,
                message=message,
            )
        )


def _optimizer(task: Task, config: TrainingConfig) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019), without decay on biases."""
    named = list(task.model.named_parameters())
    groups = [
        {"params": [p for _, p in named if p.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [p for _, p in named if p.dim() <= 1], "weight_decay": 0.0},
    ]
    fused = task.hardware.device.type in ("cpu", "cuda")
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99), fused=fused)
