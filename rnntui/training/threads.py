"""How torch's threads wait for one another."""

import os


def limit_openmp_spin() -> None:
    """Let a thread that waits give up its core soon, unless the user's environment says otherwise.

    By default the OpenMP library of torch lets it spin for milliseconds. A recurrent model waits at every time step, so
    one other busy program then made training twenty times slower; with a short wait it loses only the core that the
    other takes, and alone it is as fast. Must be called before torch is first imported.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
