"""How many threads numpy's matrix products run on."""

import os

_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def one_blas_thread() -> None:
    """Let matrix products of this process run on one thread, unless the user's environment says otherwise.

    A single text's products are so small that a second thread costs more than it helps: two made a step seven times
    slower. Must be called before numpy is first imported.
    """
    for variable in _VARIABLES:
        os.environ.setdefault(variable, "1")
