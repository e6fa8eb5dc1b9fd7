"""Tests of the server; those that need libraries which are not installed are skipped."""

from importlib.util import find_spec

collect_ignore: list[str] = []
if find_spec("starlette") is None or find_spec("uvicorn") is None:
    collect_ignore += [
        "test_openai_api.py",
        "test_libretranslate_api.py",
        "test_serve_command.py",
        "test_clients.py",
        "test_bad_requests.py",
        "test_hostile_requests.py",
    ]
if find_spec("textual_serve") is None:
    collect_ignore += ["test_browser_app.py"]
