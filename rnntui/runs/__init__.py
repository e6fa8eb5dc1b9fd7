"""Runs on disk: format, lock, lookup, listing and management.

The package can be called, too: it has the name of the function `rnntui.runs` of the Python API, and Python binds a
package to its name in the parent whenever one of its modules is imported. So both give the same, in any order.
"""

import importlib
import sys
from types import ModuleType


class _CallablePackage(ModuleType):
    def __call__(self, checkpoints: object = None) -> object:
        return importlib.import_module("rnntui.api").runs(checkpoints)


sys.modules[__name__].__class__ = _CallablePackage
