"""Environment variables for the numerical libraries: the number of BLAS threads, and how OpenMP threads wait.

Only entry points (commands, benchmarks) set them, before they import numpy or torch; libraries read them on import. A
value that the user has set is left alone.
"""

import os

_BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def use_one_blas_thread() -> None:
    """Run numpy's matrix products on one thread. Must be called before numpy is first imported.

    The products of a single text are so small that a second thread costs more than it helps: two made a step seven
    times slower.
    """
    for variable in _BLAS_THREADS:
        os.environ.setdefault(variable, "1")


def limit_openmp_spin() -> None:
    """Let a waiting OpenMP thread give up its core soon. Must be called before torch is first imported.

    By default the OpenMP library of torch lets it spin for milliseconds. A recurrent model waits at every time step, so
    one other busy program then made training twenty times slower; with a short wait it loses only the core that the
    other takes, and alone it is as fast.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
