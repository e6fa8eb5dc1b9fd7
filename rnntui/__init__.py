"""Train small recurrent language models on your own text and live with them in the terminal.

From Python: `rnntui.load`, `rnntui.train` and `rnntui.runs`; see `rnntui.api`.
"""

__version__ = "0.1.0"

_API = ("load", "runs", "train")  # `__init__.pyi` has their types


def __getattr__(name: str) -> object:
    """Import the Python API when it is first used: importing the package itself takes no time."""
    if name not in _API:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    # Before numpy is imported, if nobody has done so yet: generation is several times slower with more threads.
    importlib.import_module("rnntui.environment").use_one_numpy_thread()
    return getattr(importlib.import_module("rnntui.api"), name)


def __dir__() -> list[str]:
    return [*globals(), *_API]
