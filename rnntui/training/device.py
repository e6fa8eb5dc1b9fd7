"""Device and precision of the training."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnntui.config import Device, Precision
from rnntui.errors import UsageError
from rnntui.models.layers import run_recurrent_layers
from rnntui.processors import usable_cpus
from rnntui.thread_tuner import thread_counts
from rnntui.training.process_group import SINGLE_PROCESS, ProcessGroup
from rnntui.training.threads import TorchThreads

# torch's own choice, of the physical cores or what OMP_NUM_THREADS says: torch has only just been loaded.
_TORCH_THREADS = torch.get_num_threads()


@dataclass(frozen=True)
class Hardware:
    """A device, the precision of its matrix products, the threads that feed it, and the processes that train."""

    device: torch.device
    bf16: bool
    threads: TorchThreads = field(default_factory=lambda: TorchThreads([torch.get_num_threads()]), compare=False)
    group: ProcessGroup = field(default=SINGLE_PROCESS, compare=False)

    @property
    def precision(self) -> str:
        """Name of the precision, `bf16` or `fp32`."""
        return "bf16" if self.bf16 else "fp32"

    @property
    def is_asynchronous(self) -> bool:
        """True if the device computes while the program goes on: to read a number from it waits for all its work."""
        return self.device.type == "cuda"

    def put(self, array: NDArray[np.generic] | Tensor) -> Tensor:
        """Return an array as a tensor on the device; the copy to a GPU waits for nothing.

        It goes through page-locked memory, which torch keeps until the copy is done.
        """
        tensor = array if isinstance(array, Tensor) else torch.from_numpy(array)
        if not self.is_asynchronous:
            return tensor.to(self.device)
        return tensor.pin_memory().to(self.device, non_blocking=True)

    def in_full_precision(self) -> Hardware:
        """Return the same hardware with matrix products in fp32."""
        return replace(self, bf16=False)

    def autocast(self) -> AbstractContextManager[object]:
        """Run matrix products inside in bf16 if chosen; weights, losses and updates stay fp32."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)


def max_threads(threads: int | None) -> int:
    """Return the largest number of CPU threads to train with: `threads`, or torch's choice within the usable CPUs.

    torch counts the cores of the host: in a container with a CPU limit its own choice can be many times too high.
    """
    return threads or min(_TORCH_THREADS, usable_cpus())


def choose_hardware(device: Device, precision: Precision, threads: int | None) -> Hardware:
    """Return the hardware to train on.

    Args:
        device: `auto` takes a CUDA GPU if there is one, else the CPU.
        precision: `auto` takes bf16 where it is native, else fp32.
        threads: Number of threads that torch uses; None lets a training on a CPU find the fastest number, up to
            `max_threads`, while it runs.

    Raises `UsageError` if the hardware lacks what is asked for.
    """
    flush_denormals()
    # cuBLAS reads this at its first use. Without it, the LSTM's gradients may differ from run to run (torch.nn.LSTM).
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:2")
    name = device
    if device == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    elif device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch finds no CUDA GPU", setting="device", hint="use --device cpu")
    elif device == "mps" and not torch.backends.mps.is_available():
        raise UsageError("--device mps: torch finds no Apple GPU", setting="device", hint="use --device cpu")
    chosen = torch.device(name)
    native = _has_bf16(chosen)
    if precision == "bf16" and not native:
        raise UsageError(
            f"--precision bf16: this {name} does not support bf16", setting="precision", hint="use --precision fp32"
        )
    return Hardware(chosen, native and precision != "fp32", _threads(chosen, threads))


def flush_denormals() -> None:
    """Make a CPU take numbers below 1.2e-38 for zero, in all threads that are started from now on.

    AdamW's means of a row that is not used decay to such numbers and stay there, since rounding keeps the smallest one
    from fading: a step over them took 20 times as long, and a recurrent layer in fp32 40 times (torch 2.13.0, AVX-512).
    The setting belongs to a thread and is inherited when a thread starts, so it must come before torch's first
    computation on several: afterwards it reaches only the part of a tensor that this thread computes.
    """
    torch.set_flush_denormal(True)


def _threads(device: torch.device, threads: int | None) -> TorchThreads:
    most = max_threads(threads)
    torch.set_num_threads(most)
    return TorchThreads([most] if threads is not None or device.type != "cpu" else thread_counts(most))


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    # Without these instructions bf16 is emulated, a hundred times slower, or there is no kernel at all.
    cpu = torch.cpu
    if not (cpu._is_avx512_bf16_supported() or cpu._is_amx_tile_supported()):
        return False
    return _runs_cells_in_bf16()


def _runs_cells_in_bf16() -> bool:
    """Return True if this build of torch has the kernels, forward and backward: on some processors it has not."""
    try:
        # Creating the layers draws their weights; inside the fork, a run starts from the same weights on any processor.
        with torch.random.fork_rng(devices=[]), torch.autocast("cpu", torch.bfloat16):
            for rnn in (nn.LSTM(8, 8), nn.GRU(8, 8)):
                hidden, _ = run_recurrent_layers(rnn, torch.zeros(4, 1, 8))
                torch.autograd.backward(hidden.sum())
    except RuntimeError:
        return False
    return True
