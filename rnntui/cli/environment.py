"""Environment variables for the numerical libraries: the number of BLAS threads, the spinning of OpenMP threads.

The libraries read them on import, so entry points (commands, benchmarks) set them before importing numpy or torch.
Values set by the user are not changed.
"""

import os

_BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def use_one_blas_thread() -> None:
    """Run numpy's matrix products on one thread. Must be called before numpy is first imported.

    The products of a single text are so small that a second thread costs more than it gains: with two, a step was seven
    times slower.
    """
    for variable in _BLAS_THREADS:
        os.environ.setdefault(variable, "1")


def limit_openmp_spin() -> None:
    """Make a waiting OpenMP thread yield its core soon. Must be called before torch is first imported.

    By default the OpenMP library of torch spins for milliseconds. A recurrent model waits at every time step, so one
    other busy program made training twenty times slower; with a short spin training loses only the core that the other
    program takes, and is as fast without one.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
