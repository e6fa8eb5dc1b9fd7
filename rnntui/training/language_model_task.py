"""Training a language model: what the loop needs of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from rnntui.config import LanguageModelConfig, LanguageModelTrainingConfig, SamplingConfig
from rnntui.inference.generate import Generation, generate_tokens, generators_from, initial_context_ids
from rnntui.inference.loaded_model import read_tokenizer
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.kinds.samples import Sample
from rnntui.models.language_model import LanguageModel
from rnntui.models.layers import State
from rnntui.models.weight_arrays import weights_of
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.text.tokenizer import Tokenizer
from rnntui.training.bptt_batches import BPTTBatches
from rnntui.training.device import Hardware
from rnntui.training.evaluation import Evaluation, streaming, windowed
from rnntui.training.task import token_files


class LanguageModelTask:
    """Truncated backpropagation through time over one long text (Williams and Peng 1990; Mikolov et al. 2010).

    The state after each window is carried into the next, cut from the graph: it informs, and no gradient crosses. Now
    and then a stream starts a window from a state of zeros instead, as every text does that the model will write. A
    model that never saw that state can leave it for one from which it never finds back: without this, a window
    of Shakespeare was seen at 53 nats a character from end to end.
    """

    primary_evaluation = "streaming"
    final_cost_ratio = 2.0  # once streaming, once in windows

    @classmethod
    def from_run(cls, run: RunFolder, config: RunConfig, hardware: Hardware) -> LanguageModelTask:
        """See `Task.from_run`."""
        return cls(run, config, read_tokenizer(run, config), hardware)

    def __init__(self, run: RunFolder, config: RunConfig, tokenizer: Tokenizer, hardware: Hardware) -> None:
        self._config = config
        self._tokenizer = tokenizer
        self.hardware = hardware
        training, validation = token_files(run, config)
        self._validation = validation.read(run.validation_ids)
        self._per_token = validation.characters / validation.tokens
        self._shape = config.model_as(LanguageModelConfig)
        settings = config.training_as(LanguageModelTrainingConfig)
        self._state_reset_prob = settings.state_reset_prob
        batch = settings.batch_size
        self._batches = BPTTBatches(training.read(run.training_ids), batch, settings.bptt)
        self.model = LanguageModel(self._shape, config.vocab_size).to(hardware.device)
        self._state: State = self.model.initial_state(batch, hardware.device)
        self.steps_per_epoch = training.tokens / (batch * settings.bptt)
        self.validation_tokens = validation.tokens
        self.uniform_loss = float(np.log(config.vocab_size))

    def loss(self) -> tuple[Tensor, int]:
        inputs, targets = self._batches.next()
        device = self.hardware.device
        with self.hardware.autocast():
            logits, state = self.model(torch.from_numpy(inputs).to(device), self._state)
        self._state = self._carried(state)
        expected = torch.from_numpy(targets).to(device)
        return cross_entropy(logits.float().flatten(0, 1), expected.flatten()), targets.size

    def _carried(self, state: State) -> State:
        """What the next window starts from: the state `(L, B, H)` of this one, or zeros for a few streams."""
        carried = tuple(tensor.detach().float() for tensor in state)
        if not self._state_reset_prob:
            return carried
        kept = (torch.rand(carried[0].shape[1]) >= self._state_reset_prob).to(carried[0])  # (B,)
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

    def sample(self, length: int, seed: int) -> Sample:
        model = NumpyLanguageModel(weights_of(self.model), self._shape, self._config.vocab_size)
        generation = Generation(model, generators_from(seed, 1), banned=(self._tokenizer.unknown_id,))
        generation.feed(initial_context_ids(self._tokenizer))
        drawn = [step[0].id for step in generate_tokens(generation, SamplingConfig(), length)]
        return {"text": self._tokenizer.decode(drawn)}

    def position(self) -> dict[str, NDArray[np.generic]]:
        carried = {f"state.{i}": tensor.cpu().numpy() for i, tensor in enumerate(self._state)}
        return {"cursor": np.array(self._batches.cursor), **carried}

    def restore(self, position: dict[str, NDArray[np.generic]]) -> None:
        self._batches.cursor = int(position["cursor"])
        device = self.hardware.device
        self._state = tuple(torch.from_numpy(position[f"state.{i}"].copy()).to(device) for i in range(len(self._state)))
