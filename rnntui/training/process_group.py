"""Processes that train one run together, through torch.distributed.

The process of rank 0 has the training loop, the clock and the run folder. The others follow it: before each piece of
common work it tells them which, and all do it together. Each computes its part of every batch, and the gradients of the
parts are added up in one flat buffer. Of an evaluation each reads a part too, and the results are collected.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import IntEnum
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from rnntui.errors import TrainingError
from rnntui.models.batch_part import BatchPart
from rnntui.training.torchrun import TorchrunEnvironment

_TIMEOUT = timedelta(days=30)  # the others wait as long as evaluations and reading take; a dead peer is noticed at once
_START = "rnntui-start"
_POLL_SECONDS = 0.05

Result = TypeVar("Result")


class ProcessLostError(TrainingError):
    """Another process of the training has ended, or cannot be reached any more."""


class TrainingEndedError(Exception):
    """Rank 0 has ended the training.

    Args:
        code: That of `Command.END`.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Command(IntEnum):
    """Common work that rank 0 asks for."""

    STEP = 0
    """One update of the weights; the value is the learning rate."""
    POSITION = 1
    """Send the carried state, which rank 0 saves."""
    WEIGHTS = 2
    """Take over the weights and the random state of rank 0."""
    END = 3
    """The training is over; the value is 0 if it ended well, 1 if it was interrupted, 2 if it failed."""
    EVALUATE = 4
    """Evaluate a part of the validation data."""
    EVALUATE_FINALLY = 5
    """Evaluate a part of it in the final evaluation; the value is the seconds that are left for that."""
    COLLECT = 6
    """Send the results of the part."""
    OUTER_STEP = 7
    """Average the weights after steps that each process has taken on its own."""
    LIMIT_EVALUATION = 8
    """Choose how much evaluations read; the value is the seconds that one may take."""


class ProcessGroup:
    """Group of `size` processes; a single process is a group too, in which nothing is sent.

    Every method that sends something is called by all processes together, `announce` by rank 0 and `receive` by the
    others. They raise `ProcessLostError` if another process has ended.

    Args:
        rank: Number of this process.
        size: Number of processes.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size
        self.has_ended = size == 1  # no message will come any more
        self._expected: tuple[Tensor, dist.Work] | None = None

    @classmethod
    def join(cls, place: TorchrunEnvironment) -> ProcessGroup:
        """Meet the other processes of a training: gloo on CPUs, NCCL for what is on GPUs."""
        if place.size == 1:
            return cls()
        backend = "gloo"
        if torch.cuda.is_available():
            torch.cuda.set_device(place.local_rank % torch.cuda.device_count())
            backend = "cpu:gloo,cuda:nccl"
        with _peer_errors():
            store, _, _ = next(rendezvous("env://", place.rank, place.size, timeout=_TIMEOUT))
            store = PrefixStore(_prefix_of_start(store, place.rank, place.size), store)
            dist.init_process_group(backend, store=store, timeout=_TIMEOUT, rank=place.rank, world_size=place.size)
        return cls(place.rank, place.size)

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def check_batch_size(self, batch_size: int) -> None:
        """Raise `UsageError` if the examples of a batch cannot be divided among the processes."""
        TorchrunEnvironment(self.rank, self.size).check_batch_size(batch_size)

    def part(self, batch: int) -> BatchPart:
        """Return the part of a batch of so many examples that this process computes: at least one example."""
        first, last = batch * self.rank // self.size, batch * (self.rank + 1) // self.size
        return BatchPart(min(first, batch - 1), max(last, min(first, batch - 1) + 1), batch)

    @property
    def own(self) -> slice:
        """Those of a list of like items, such as batches of an evaluation, that this process works on; maybe none."""
        return slice(self.rank, None, self.size)

    def share(self, part: BatchPart) -> float:
        """Return 1 if the examples of a part are this process's own, 0 if it has none and computes those of another."""
        own = part.batch * (self.rank + 1) // self.size - part.batch * self.rank // self.size
        return float(own > 0)

    def announce(self, command: Command, value: float = 0.0) -> None:
        """Tell the others what all do next."""
        if not self.has_ended:
            with _peer_errors():
                dist.broadcast(torch.tensor([command, value], dtype=torch.float64), 0)
            self.has_ended = command == Command.END

    def receive(self) -> tuple[Command, float]:
        """Wait for what all do next, and return it with its value. Raises `TrainingEndedError` if that is nothing."""
        with _peer_errors():
            message, work = self._message()
            work.wait()
        self._expected = None
        command, value = message.tolist()
        if command == Command.END:
            self.has_ended = True
            raise TrainingEndedError(int(value))
        return Command(int(command)), value

    def check_ended(self) -> None:
        """Raise `TrainingEndedError` if rank 0 has ended the training meanwhile, without waiting for the others."""
        with _peer_errors():
            message, work = self._message()
        if work.is_completed() and int(message[0]) == Command.END:
            self.receive()

    def _message(self) -> tuple[Tensor, dist.Work]:
        """Return the buffer of the next message from rank 0, and the work that fills it."""
        if self._expected is None:
            message = torch.full((2,), -1.0, dtype=torch.float64)
            work = dist.broadcast(message, 0, async_op=True)
            assert work is not None
            self._expected = message, work
        return self._expected

    def collect(self, result: Result) -> list[Result]:
        """Return the results that all processes have of their parts of an evaluation, in the order of their ranks.

        Raises `TrainingEndedError` if rank 0 has ended the training instead.
        """
        if self.size == 1:
            return [result]
        if self.is_main:
            self.announce(Command.COLLECT)
        else:
            self.receive()
        results: list[Any] = [None] * self.size
        with _peer_errors():
            dist.all_gather_object(results, result)
        return results

    def add_up(self, buffer: Tensor) -> None:
        """Replace a tensor by the sum over all processes, which has the same bits in each of them."""
        if self.size > 1:
            with _peer_errors():
                dist.all_reduce(buffer)

    def gather(self, tensor: Tensor) -> Tensor:
        """Return the parts `(L, B / size, H)` of all processes as one tensor `(L, B, H)`."""
        if self.size == 1:
            return tensor
        parts = [torch.empty_like(tensor, memory_format=torch.contiguous_format) for _ in range(self.size)]
        with _peer_errors():
            dist.all_gather(parts, tensor.contiguous())
        return torch.cat(parts, dim=1)

    def take_over(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors, and the state of the random generator, by those of rank 0."""
        if self.size > 1:
            random_state = torch.get_rng_state()
            with _peer_errors(), torch.no_grad():
                for tensor in (*tensors, random_state):
                    dist.broadcast(tensor, 0)
            torch.set_rng_state(random_state)

    def give(self, text: str = "") -> str:
        """Return the text of rank 0."""
        if self.size == 1:
            return text
        data = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8) if text else torch.empty(0)
        length = torch.tensor(len(data))
        with _peer_errors():
            dist.broadcast(length, 0)
            data = data.to(torch.uint8) if self.is_main else torch.empty(int(length), dtype=torch.uint8)
            if len(data):
                dist.broadcast(data, 0)
        return bytes(data.tolist()).decode()

    def leave(self) -> None:
        """Close all connections; to the other processes, that of this one is lost."""
        self.has_ended = True
        if self.size > 1 and dist.is_initialized():
            with contextlib.suppress(RuntimeError):
                dist.destroy_process_group()


SINGLE_PROCESS = ProcessGroup()


def _prefix_of_start(store: Store, rank: int, size: int) -> str:
    """Return a prefix of the keys of processes that have been started together.

    torchrun has one store for all its restarts (torch 2.13.0): without a prefix, processes would find the addresses of
    those before them there. Its number of restarts is no prefix, as it can differ between machines. So rank 0 proposes
    a random one, the others answer by random words of their own, and it confirms the words that it has seen: what was
    left by earlier processes confirms none of them.
    """
    word = uuid.uuid4().hex
    if rank == 0:
        store.set(_START, word)
        words = [store.get(f"{word}/{other}").decode() for other in range(1, size)]
        store.set(f"{word}/all", " ".join(words))
        return word
    while True:
        prefix = store.get(_START).decode()
        store.set(f"{prefix}/{rank}", word)
        if store.check([f"{prefix}/all"]) and word in store.get(f"{prefix}/all").decode().split():
            return prefix
        time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def _peer_errors() -> Iterator[None]:
    """Raise the errors of torch.distributed inside as `ProcessLostError`."""
    try:
        yield
    except RuntimeError as error:
        raise ProcessLostError(
            "another process of this training has ended or cannot be reached",
            hint="its own message says why; --resume continues from the last save",
        ) from error
