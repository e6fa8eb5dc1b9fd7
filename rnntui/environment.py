"""Environment variables of the numerical libraries: neutralizing harmful ones, number of BLAS threads, OpenMP spinning.

The libraries read them once, when they are loaded, so entry points (commands, benchmarks) call these functions before
numpy or torch is first imported. Values set by the user are not changed unless they do harm.
"""

import os
import re
from collections.abc import Callable

_NUMPY_THREADS = ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_BLAS_THREADS = (*_NUMPY_THREADS, "MKL_NUM_THREADS")
_WRONG_NUMBERS = "with it, torch can compute wrong numbers"
_PINNING = "it pins threads to processors, which can make training many times slower"
_MIN_STACK_KB = 1024


def use_one_blas_thread() -> None:
    """Run numpy's matrix products on one thread. Must be called before numpy is first imported.

    The products of a single text are so small that a second thread costs more than it gains: with two, a step was seven
    times slower. Batches of lines are divided among workers of one thread each (see `Translator.translate`): two
    workers translated a file 1.3 times as fast as two BLAS threads, and twice as fast beside a busy program. A number
    of threads set by the user stays if it is a positive number.
    """
    if not _is_count(os.environ.get("OMP_NUM_THREADS", "1").split(",")[0]):
        del os.environ["OMP_NUM_THREADS"]  # it changes nothing here, and OpenMP would write a line about it
    _set_threads(_BLAS_THREADS)


def _set_threads(variables: tuple[str, ...]) -> None:
    for variable in variables:
        if not _is_count(os.environ.get(variable, "")):
            os.environ[variable] = "1"


def use_one_numpy_thread() -> None:
    """Run numpy's matrix products on one thread, as `use_one_blas_thread` does, and leave those of torch alone."""
    _set_threads(_NUMPY_THREADS)


def prepare_for_torch(notify: Callable[[str], None]) -> None:
    """Neutralize variables that do harm, with a message to `notify` for each, and limit the spinning of OpenMP.

    Must be called before torch is first imported.

    Measured with torch 2.13.0 (CPU build), forward and backward, against float64:

    - `OMP_DYNAMIC=true`, `OMP_THREAD_LIMIT` below the number of threads and `OMP_MAX_ACTIVE_LEVELS=0`: OpenMP starts
      fewer threads than oneDNN divides the work among, and the rest of the result stays uninitialized: in an LSTM in
      fp32, and in all matrix products in bf16. With `OMP_DYNAMIC` that depends on the machine's load at the moment.
    - `OMP_PLACES` and `GOMP_CPU_AFFINITY` with fewer processors than threads: 30 times slower. `OMP_PROC_BIND` ties
      the main thread to one processor, and `usable_cpus` would count only that.
    - `OMP_STACKSIZE=16k`: the process crashes.

    A limit set by `OMP_THREAD_LIMIT` is kept, as the number of threads. `check_kernels` catches what slips through.
    """
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        if not _is_count(os.environ.get(variable, "1").split(",")[0]):
            _remove(notify, variable, "it is not a number of threads")
    limit = os.environ.get("OMP_THREAD_LIMIT", "")
    if _is_count(limit):
        threads = os.environ.get("OMP_NUM_THREADS", limit).split(",")[0]
        os.environ["OMP_NUM_THREADS"] = str(min(int(threads), int(limit)))
    _remove(notify, "OMP_THREAD_LIMIT", _WRONG_NUMBERS)
    if os.environ.get("OMP_DYNAMIC", "").strip().lower() != "false":
        _remove(notify, "OMP_DYNAMIC", _WRONG_NUMBERS)
    if not _is_count(os.environ.get("OMP_MAX_ACTIVE_LEVELS", "1")):
        _remove(notify, "OMP_MAX_ACTIVE_LEVELS", _WRONG_NUMBERS)
    if os.environ.get("OMP_PROC_BIND", "").strip().lower() != "false":
        _remove(notify, "OMP_PROC_BIND", _PINNING)
    for variable in ("OMP_PLACES", "GOMP_CPU_AFFINITY"):
        _remove(notify, variable, _PINNING)
    for variable in ("OMP_STACKSIZE", "GOMP_STACKSIZE"):
        if _stack_kb(os.environ.get(variable, "1G")) < _MIN_STACK_KB:
            _remove(notify, variable, "torch crashes with a stack this small")
    _limit_openmp_spin()
    _set_threads(_NUMPY_THREADS)  # of what numpy does in a training: samples, translations
    # Without this, MKL's products in fp32 are rounded differently on each number of threads. With it they are the same
    # bit for bit, and were as fast (torch 2.13.0, oneMKL 2024.2, AVX-512 and AVX2).
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
    # oneDNN and torch each keep the code of a product in bf16 for each shape that they met, of 1,024 by default. Pairs
    # of sentences have thousands of shapes: a training on them took 2.4 GB, and no less time.
    for variable in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(variable, "256")


def _limit_openmp_spin() -> None:
    """Make a waiting OpenMP thread yield its core soon.

    By default the OpenMP library of torch spins for milliseconds. A recurrent model waits at every time step, so one
    other busy program made training twenty times slower; with a short spin training loses only the core that the other
    program takes, and is as fast without one.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def _remove(notify: Callable[[str], None], variable: str, reason: str) -> None:
    value = os.environ.pop(variable, None)
    if value is not None:
        notify(f"ignoring the environment variable {variable}={value}: {reason}")


def _is_count(value: str) -> bool:
    """Return True for a positive number."""
    value = value.strip()
    return value.isascii() and value.isdigit() and len(value) < 10 and int(value) > 0


def _stack_kb(value: str) -> int:
    """Return the KB of a stack size such as 512k; 0 if it is malformed."""
    match = re.fullmatch(r"\s*(\d+)\s*([bkmg]?)\s*", value, re.IGNORECASE | re.ASCII)
    if match is None:
        return 0
    bytes_per_unit = {"b": 1, "": 1024, "k": 1024, "m": 1024**2, "g": 1024**3}[match[2].lower()]
    return int(match[1]) * bytes_per_unit // 1024
