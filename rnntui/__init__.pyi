from rnntui.api import load as load
from rnntui.api import runs as runs
from rnntui.api import train as train

__version__: str
