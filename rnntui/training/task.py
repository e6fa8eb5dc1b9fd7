"""What the training loop needs of a model and its data: a language model is one such task, others can follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from rnntui.config import LanguageModelConfig, LanguageModelTrainingConfig, SamplingConfig
from rnntui.errors import RunError
from rnntui.inference.generate import Generation, generators_from, initial_context_ids, tokens
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.models.language_model import LanguageModel
from rnntui.models.recurrent import State
from rnntui.models.weight_arrays import weights_of
from rnntui.runs.folder import RunConfig, RunFolder
from rnntui.text.token_ids import TokenFile
from rnntui.text.tokenizer import Tokenizer
from rnntui.training.bptt_batches import BPTTBatches
from rnntui.training.device import Hardware
from rnntui.training.evaluation import Evaluation, streaming, windowed


class Task(Protocol):
    """A model with its training and validation data."""

    hardware: Hardware
    steps_per_epoch: float
    primary_evaluation: str
    """Which of the final evaluations a listing shows."""
    validation_tokens: int
    final_cost_ratio: float
    """How many times the work of a check, for as much text, the last evaluation is."""
    uniform_loss: float
    """The loss of guessing evenly; a loss far above it has diverged."""

    @property
    def model(self) -> nn.Module: ...

    def loss(self) -> tuple[Tensor, int]:
        """The mean loss of the next batch, in nats a token, and over how many; moves on to the batch after."""
        ...

    def evaluate(self, tokens: int) -> Evaluation:
        """The loss that decides which weights are best, over at most so many tokens."""
        ...

    def final_evaluation(self, tokens: int) -> dict[str, Evaluation]:
        """Every evaluation by its name, at full precision; `primary_evaluation` among them."""
        ...

    def sample(self, length: int, seed: int) -> str:
        """A short text by the model as it stands."""
        ...

    def position(self) -> dict[str, NDArray[np.generic]]:
        """Where in the data it stands, and what is carried over from the last batch."""
        ...

    def restore(self, position: dict[str, NDArray[np.generic]]) -> None: ...


class LanguageModelTask:
    """Truncated backpropagation through time over one long text (Williams and Peng 1990; Mikolov et al. 2010).

    The state after each window is carried into the next, cut from the graph: it informs, and no gradient crosses. Now
    and then a stream starts a window from a state of zeros instead, as every text does that the model will write. A
    model that never saw that state can leave it for one from which it never finds back: without this, a window
    of Shakespeare was seen at 53 nats a character from end to end.
    """

    primary_evaluation = "streaming"
    final_cost_ratio = 2.0  # once streaming, once in windows

    def __init__(self, run: RunFolder, config: RunConfig, tokenizer: Tokenizer, hardware: Hardware) -> None:
        self._config = config
        self._tokenizer = tokenizer
        self.hardware = hardware
        training, validation = parts_of(run, config)
        self._validation = validation.read(run.validation_ids)
        self._per_token = validation.characters / validation.tokens
        self._shape = config.model_as(LanguageModelConfig)
        settings = config.training_as(LanguageModelTrainingConfig)
        self._reset = settings.state_reset_prob
        batch = settings.batch_size
        self._streams = BPTTBatches(training.read(run.training_ids), batch, settings.bptt)
        self.model = LanguageModel(self._shape, config.vocab_size).to(hardware.device)
        self._state: State = self.model.initial_state(batch, hardware.device)
        self.steps_per_epoch = training.tokens / (batch * settings.bptt)
        self.validation_tokens = validation.tokens
        self.uniform_loss = float(np.log(config.vocab_size))

    def loss(self) -> tuple[Tensor, int]:
        inputs, targets = self._streams.next()
        device = self.hardware.device
        with self.hardware.autocast():
            logits, state = self.model(torch.from_numpy(inputs).to(device), self._state)
        self._state = self._carried(state)
        expected = torch.from_numpy(targets).to(device)
        return cross_entropy(logits.float().flatten(0, 1), expected.flatten()), targets.size

    def _carried(self, state: State) -> State:
        """What the next window starts from: the state `(L, B, H)` of this one, or zeros for a few streams."""
        carried = tuple(tensor.detach().float() for tensor in state)
        if not self._reset:
            return carried
        kept = (torch.rand(carried[0].shape[1]) >= self._reset).to(carried[0])  # (B,)
        return tuple(tensor * kept[:, None] for tensor in carried)

    def evaluate(self, tokens: int) -> Evaluation:
        return self._evaluate(streaming, tokens, self.hardware)

    def final_evaluation(self, tokens: int) -> dict[str, Evaluation]:
        exact = Hardware(self.hardware.device, bf16=False)
        named = {"streaming": streaming, "windowed": windowed}
        return {name: self._evaluate(evaluation, tokens, exact) for name, evaluation in named.items()}

    def _evaluate(self, evaluation: Callable[..., Evaluation], tokens: int, hardware: Hardware) -> Evaluation:
        ids = self._validation[: tokens + 1]
        return evaluation(self.model, ids, self._config.vocab_size, hardware, self._per_token)

    def sample(self, length: int, seed: int) -> str:
        model = NumpyLanguageModel(weights_of(self.model), self._shape, self._config.vocab_size)
        generation = Generation(model, generators_from(seed, 1), banned=(self._tokenizer.unknown_id,))
        generation.feed(initial_context_ids(self._tokenizer))
        drawn = [step[0].id for step in tokens(generation, SamplingConfig(), length)]
        return self._tokenizer.decode(drawn)

    def position(self) -> dict[str, NDArray[np.generic]]:
        carried = {f"state.{i}": tensor.cpu().numpy() for i, tensor in enumerate(self._state)}
        return {"cursor": np.array(self._streams.cursor), **carried}

    def restore(self, position: dict[str, NDArray[np.generic]]) -> None:
        self._streams.cursor = int(position["cursor"])
        device = self.hardware.device
        self._state = tuple(torch.from_numpy(position[f"state.{i}"].copy()).to(device) for i in range(len(self._state)))


def parts_of(run: RunFolder, config: RunConfig) -> tuple[TokenFile, TokenFile]:
    """What the files of ids in a run's folder hold. Raises `RunError` if the run does not say."""
    try:
        return TokenFile(**config.corpus["training"]), TokenFile(**config.corpus["validation"])
    except (KeyError, TypeError) as error:
        raise RunError(f"{run.config_file} does not say what the parts of the corpus are") from error
