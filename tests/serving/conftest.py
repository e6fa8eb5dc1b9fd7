"""Tests of the server; those over HTTP are skipped where its libraries are not installed."""

from importlib.util import find_spec

collect_ignore = []
if find_spec("starlette") is None or find_spec("uvicorn") is None:
    collect_ignore += ["test_openai_api.py", "test_libretranslate_api.py", "test_shutdown.py", "test_clients.py"]
