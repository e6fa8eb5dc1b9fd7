"""State of a training as its resume file holds it, with a single linear layer in place of a model and its data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from rnntui.config import Budget, TrainerConfig
from rnntui.config_language_model import LanguageModelTrainingConfig
from rnntui.errors import RunError, TrainingError
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import load_arrays, save_arrays
from rnntui.training.device import Hardware
from rnntui.training.plan import StepPlan
from rnntui.training.resume import load_state
from rnntui.training.task import ParameterGroup
from rnntui.training.training_state import TrainingState, make_optimizer

CONFIG = LanguageModelTrainingConfig(weight_average=0.9, evaluations=4)


class LinearTask:
    """As much of a task as a state needs: a linear layer, and a position that is a number."""

    steps_per_epoch = 8.0

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.model = nn.Linear(3, 2)
        self.hardware = Hardware(torch.device("cpu"), bf16=False)
        self.cursor = seed

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup([self.model.weight]), ParameterGroup([self.model.bias], weight_decay=0.5)]

    def position(self) -> dict[str, np.ndarray]:
        return {"cursor": np.array(self.cursor)}

    def restore(self, position: dict[str, np.ndarray]) -> None:
        self.cursor = int(position["cursor"])


def trained(config: TrainerConfig = CONFIG, steps: int = 5, budget: Budget | None = None) -> TrainingState:
    """The state after some steps."""
    state = TrainingState.initial(LinearTask(1), config, budget or Budget(steps=20))  # type: ignore[arg-type]
    state.progress.plan = state.planner.plan
    for _ in range(steps):
        train_step(state)
    return state


def train_step(state: TrainingState) -> None:
    state.optimizer.zero_grad()
    loss = state.task.model(torch.randn(4, 3)).square().mean()
    loss.backward()
    state.optimizer.step()
    state.task.cursor += 1  # type: ignore[attr-defined]
    state.progress.add_step(4)
    state.progress.add_loss(loss.item())
    state.update_average()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path)
    run.resume_folder.mkdir()
    return run


def saved(run: RunFolder, state: TrainingState) -> TrainingState:
    """Save a state beside weights of its best evaluation."""
    save_arrays(run.weights_file, {"bias": np.zeros(2, np.float32)}, {})
    state.save(run.resume_file)
    return state


def resumed(run: RunFolder, budget: Budget | None = None, config: TrainerConfig = CONFIG) -> TrainingState:
    return TrainingState.resumed(LinearTask(2), config, run, budget)  # type: ignore[arg-type]


def change(run: RunFolder, **progress: Any) -> None:
    """Change the progress in a resume file; None removes a key."""
    arrays, metadata = load_arrays(run.resume_file)
    values = {**json.loads(metadata["progress"]), **progress}
    kept = {key: value for key, value in values.items() if value is not None}
    save_arrays(run.resume_file, arrays, {"progress": json.dumps(kept)})


def tensors(state: TrainingState) -> list[torch.Tensor]:
    assert state.average is not None
    moments = [state.optimizer.state[p][key] for p in state.task.model.parameters() for key in ("exp_avg", "step")]
    squares = [state.optimizer.state[p]["exp_avg_sq"] for p in state.task.model.parameters()]
    averages = [torch.from_numpy(array) for array in state.average.arrays().values()]
    return [*state.task.model.parameters(), *moments, *squares, *averages]


@pytest.mark.parametrize("config", [CONFIG, replace(CONFIG, weight_average=0.0)], ids=["averaged", "not averaged"])
def test_a_state_goes_on_as_if_it_had_never_been_saved(run: RunFolder, config: TrainerConfig) -> None:
    one = saved(run, trained(config))
    for _ in range(3):
        train_step(one)
    other = resumed(run, config=config)
    assert (other.average is None) == (config.weight_average == 0)
    for _ in range(3):
        train_step(other)
    for ours, theirs in zip(one.task.model.parameters(), other.task.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert one.progress == other.progress and one.task.position() == other.task.position()
    assert one.planner.plan == other.planner.plan == other.progress.plan


def test_everything_is_restored(run: RunFolder) -> None:
    one = saved(run, trained())
    generator = torch.get_rng_state()
    other = resumed(run)
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(tensors(one), tensors(other), strict=True))
    assert load_arrays(run.resume_file)[0].keys() >= {"model.weight", "average.bias", "task.cursor", "random.cpu"}


def test_the_momentum_of_outer_steps_is_restored_and_must_be_there(run: RunFolder) -> None:
    config = replace(CONFIG, local_steps=4)
    state = trained(config, steps=0)
    assert state.outer_step is not None
    state.outer_step.begin_round()
    train_step(state)
    state.outer_step.run(is_stop_requested=False)
    momentum = saved(run, state).outer_step.arrays()
    other = resumed(run, config=config)
    restored = other.outer_step.arrays()
    assert all(abs(momentum[name]).max() > 0 and (momentum[name] == restored[name]).all() for name in momentum)
    generator = torch.get_rng_state()
    for each in (state, other):
        torch.set_rng_state(generator)
        each.outer_step.begin_round()
        train_step(each)
        each.outer_step.run(is_stop_requested=False)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(tensors(state), tensors(other), strict=True))
    arrays, metadata = load_arrays(run.resume_file)
    for change_of, problem in (
        ({"outer.bias": np.zeros(1, np.float32)}, "the momentum of bias has shape"),
        ({}, "bias"),
    ):
        others = {name: array for name, array in arrays.items() if name != "outer.bias"}
        save_arrays(run.resume_file, others | change_of, metadata)
        with pytest.raises(RunError, match=f"does not match its run: .*{problem}"):
            resumed(run, config=config)


@pytest.mark.parametrize(("local_steps", "has_outer_steps"), [(1, False), (2, True)])
def test_outer_steps_follow_more_than_one_step_of_each_process(local_steps: int, has_outer_steps: bool) -> None:
    state = trained(replace(CONFIG, local_steps=local_steps), steps=0)
    assert (state.outer_step is not None) == has_outer_steps


@pytest.mark.parametrize(("steps", "share"), [((), 0.3), ((1,), 0.3), ((4,), 1 - 0.7**4)])
def test_an_average_moves_by_the_steps_so_far_and_by_those_of_a_round(steps: tuple[int, ...], share: float) -> None:
    state = trained(steps=0)
    before = torch.from_numpy(state.average.arrays()["weight"])
    with torch.no_grad():
        state.task.model.weight += 1
    state.progress.step = 20  # so far, 21 / 30 of the average are left at each step
    state.update_average(*steps)
    assert torch.allclose(torch.from_numpy(state.average.arrays()["weight"]), before + share)


def test_weights_that_are_not_finite_are_not_averaged() -> None:
    state = trained(replace(CONFIG, local_steps=4), steps=0)
    assert state.outer_step is not None
    state.outer_step.begin_round()
    train_step(state)
    before = state.task.model.weight.detach().clone()
    with torch.no_grad():
        state.task.model.bias[0] = torch.inf
    with pytest.raises(TrainingError, match="the weights of a process are not finite after its own steps"):
        state.outer_step.run(is_stop_requested=False)
    assert torch.equal(state.task.model.weight, before)


def test_weights_without_a_gradient_have_no_moments(run: RunFolder) -> None:
    saved(run, trained(steps=0))
    assert not [name for name in load_arrays(run.resume_file)[0] if name.startswith("optimizer.")]
    assert resumed(run).optimizer.state == {}


def test_the_budget_is_that_of_the_file_unless_another_is_given(run: RunFolder) -> None:
    state = saved(run, trained())
    state.progress.reason, state.progress.stale_checks = "patience", 3
    state.save(run.resume_file)
    same = resumed(run)
    assert (same.progress.budget, same.progress.reason, same.progress.stale_checks) == (Budget(steps=20), "patience", 3)
    longer = resumed(run, Budget(steps=80))
    assert (longer.progress.budget, longer.progress.reason, longer.progress.stale_checks) == (Budget(steps=80), "", 0)
    assert longer.progress.plan == longer.planner.plan == StepPlan(80, 20)


def test_epochs_are_counted_in_the_steps_of_the_task(run: RunFolder) -> None:
    saved(run, trained(budget=Budget(epochs=2)))
    assert resumed(run, Budget(epochs=3)).planner.plan.steps == 24
    assert TrainingState.initial(LinearTask(), CONFIG, Budget(epochs=2)).planner.plan.steps == 16  # type: ignore[arg-type]


def test_the_plan_of_a_clock_is_kept_and_a_new_one_begins_where_the_time_is(run: RunFolder) -> None:
    state = trained(budget=Budget(minutes=1))
    state.progress.plan, state.progress.seconds = StepPlan(100, 25, by_clock=True), 30.0
    saved(run, state)
    assert resumed(run).planner.plan == StepPlan(100, 25, by_clock=True)
    assert resumed(run, Budget(minutes=2)).progress.plan == StepPlan(from_step=5, from_position=0.25)


def test_lost_weights_are_replaced_by_the_next_ones(run: RunFolder) -> None:
    state = trained()
    state.progress.best_loss = 1.5
    saved(run, state)
    assert resumed(run).progress.best_loss == 1.5
    run.weights_file.write_bytes(b"damaged")
    assert resumed(run).progress.best_loss is None


@pytest.mark.parametrize(
    ("reason", "steps", "is_over"), [("", 19, False), ("", 20, True), ("patience", 5, True), ("", 0, False)]
)
def test_a_training_is_over_by_its_reason_or_its_budget(reason: str, steps: int, is_over: bool) -> None:
    state = trained(steps=steps)
    state.progress.reason = reason
    assert state.is_over is is_over


def test_progress_of_earlier_versions_is_read(run: RunFolder) -> None:
    saved(run, trained(steps=7))
    plan = {"steps": 20, "every": 5}
    change(run, evaluated_step=None, plan=plan, best_score=2.0, best_metrics=None, best_measures={"bleu": 3.0})
    progress = resumed(run).progress
    assert (progress.step, progress.evaluated_step, progress.best_metrics) == (7, 5, {"bleu": 3.0})
    change(run, plan={"steps": None, "every": 0})
    assert resumed(run).progress.evaluated_step == 0
    change(run, evaluated_step=3, plan=plan)
    assert resumed(run).progress.evaluated_step == 3


@pytest.mark.parametrize(
    ("name", "array", "problem"),
    [
        ("model.bias", np.zeros(3, np.float32), r"bias has shape \(3,\)"),
        ("model.weight", np.full((2, 3), np.inf, np.float32), "model.weight holds values that are not finite"),
        ("optimizer.weight.exp_avg", np.zeros((2, 1), np.float32), r"exp_avg of weight has shape \(2, 1\)"),
        ("optimizer.bias.exp_avg_sq", np.zeros(1, np.float32), r"exp_avg_sq of bias has shape \(1,\)"),
        ("average.bias", np.zeros((1,), np.float32), "the average of bias has shape"),
        ("optimizer.weight.exp_avg_sq", None, "exp_avg_sq"),
        ("optimizer.weight.step", None, "step"),
        ("average.weight", None, "weight"),
        ("random.cpu", None, "random.cpu"),
        ("task.cursor", None, "cursor"),
    ],
)
def test_a_file_of_another_model_is_refused(run: RunFolder, name: str, array: np.ndarray | None, problem: str) -> None:
    saved(run, trained())
    arrays, metadata = load_arrays(run.resume_file)
    changed = {key: value for key, value in {**arrays, name: array}.items() if value is not None}
    save_arrays(run.resume_file, changed, metadata)
    with pytest.raises(RunError, match=rf"state\.safetensors does not match its run: .*{problem}") as caught:
        resumed(run)
    assert caught.value.hint == "the run cannot be resumed"


@pytest.mark.parametrize("progress", [{"unknown": 1}, {"budget": {"steps": 0}}, {"plan": {"steps": 1, "x": 2}}])
def test_a_progress_that_is_none_is_refused(run: RunFolder, progress: dict[str, Any]) -> None:
    saved(run, trained())
    change(run, **progress)
    with pytest.raises(RunError, match="does not match its run"):
        resumed(run)


def test_weights_are_averaged_only_in_the_context() -> None:
    state = trained()
    before, average = state.task.model.bias.clone(), state.average
    assert average is not None
    with state.averaged_weights():
        assert not torch.equal(state.task.model.bias, before)
    assert torch.equal(state.task.model.bias, before)
    plain = trained(replace(CONFIG, weight_average=0.0))
    bias = plain.task.model.bias.clone()
    with plain.averaged_weights():
        assert torch.equal(plain.task.model.bias, bias)
    assert plain.average is None


def test_only_matrices_decay_and_a_group_may_have_a_decay_of_its_own() -> None:
    class Groups(LinearTask):
        def parameter_groups(self) -> list[ParameterGroup]:
            return [
                ParameterGroup(list(self.model.parameters()), lambda: 0.5),
                ParameterGroup([nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.zeros(()))], weight_decay=0.0),
            ]

    optimizer = make_optimizer(Groups(), replace(CONFIG, weight_decay=0.25, learning_rate=0.5))  # type: ignore[arg-type]
    groups = [([p.dim() for p in g["params"]], g["weight_decay"], g["rate_factor"]()) for g in optimizer.param_groups]
    assert groups == [([2], 0.25, 0.5), ([1], 0.0, 0.5), ([2], 0.0, 1.0), ([0], 0.0, 1.0)]
    assert {group["lr"] for group in optimizer.param_groups} == {0.5}
    assert optimizer.betas == (0.9, CONFIG.adam_beta2)


@pytest.mark.parametrize(("device", "is_fused"), [("cpu", True), ("cuda", True), ("mps", False)])
def test_one_kernel_updates_all_weights_where_there_is_one(device: str, is_fused: bool) -> None:
    task = LinearTask()
    task.hardware = SimpleNamespace(device=SimpleNamespace(type=device))  # type: ignore[assignment]
    assert make_optimizer(task, CONFIG)._fused is is_fused  # type: ignore[arg-type]


def test_the_generator_of_a_gpu_is_saved_and_restored(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    states = [torch.tensor([1, 2], dtype=torch.uint8)]
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda: states[0])
    monkeypatch.setattr(torch.cuda, "set_rng_state", states.append)

    def state_on(device: str) -> TrainingState:
        task = LinearTask()
        task.hardware = SimpleNamespace(device=SimpleNamespace(type=device))  # type: ignore[assignment]
        return TrainingState.initial(task, CONFIG, Budget(steps=20))  # type: ignore[arg-type]

    on_gpu = state_on("cuda")
    on_gpu.save(run.resume_file)
    load_state(run.resume_file, on_gpu.task, on_gpu.optimizer, on_gpu.average, None)
    assert [state.tolist() for state in states] == [[1, 2], [1, 2]]
    on_cpu = state_on("cpu")
    load_state(run.resume_file, on_cpu.task, on_cpu.optimizer, on_cpu.average, None)
    on_cpu.save(run.resume_file)
    load_state(run.resume_file, on_gpu.task, on_gpu.optimizer, on_gpu.average, None)
    assert len(states) == 2 and "random.cuda" not in load_arrays(run.resume_file)[0]
