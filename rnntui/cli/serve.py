"""`rnntui serve`: the models over HTTP, for programs that speak the OpenAI or the LibreTranslate API."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread
from typing import Any

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.options import checkpoints_option, settings_from, settings_options
from rnntui.cli.run_choice import existing_checkpoints_folder
from rnntui.cli.terminal import print_note
from rnntui.errors import UsageError
from rnntui.extras import require_extra
from rnntui.serving.server_config import ServerConfig
from rnntui.system_memory import use_few_malloc_arenas

KEY_VARIABLE = "RNNTUI_API_KEY"


@click.command("serve")
@click.option(
    "--run", "run_names", multiple=True, metavar="NAME",
    help="Name or path of a run to serve; may be repeated [default: all trained runs and the shipped models].",
)  # fmt: skip
@checkpoints_option
@settings_options(ServerConfig)
@click.option(
    "--api-key", metavar="KEY", help=f"Key that every request must have [default: ${KEY_VARIABLE}, else none]."
)
@click.option("--app", is_flag=True, help="Serve the terminal app to a browser instead of the APIs.")
def command(run_names: tuple[str, ...], checkpoints: str | None, api_key: str | None, app: bool, **values: Any) -> int:
    """Serve models over HTTP, to programs that speak the OpenAI API or the LibreTranslate API.

    Requests at the same time are generated together, in one step of the model. Ctrl-C ends the server: requests that
    are being answered get a few seconds to end.
    """
    config = settings_from(ServerConfig, values)
    require_extra("serve", "serving")
    if app and len(run_names) > 1:
        raise UsageError("--app opens one run", setting="run")
    folder = existing_checkpoints_folder(checkpoints)
    key = _checked_key(api_key)
    if app:
        arguments = [*run_names, *(["--checkpoints", checkpoints] if checkpoints else [])]
        _serve_app(config, arguments, key)
    else:
        _serve_models(config, folder, run_names, key)
    return 0


def _checked_key(flag: str | None) -> str:
    """Return the key that requests must have, empty for none. Raises `UsageError` if no request could have it.

    A flag that is empty is a mistake, such as a shell variable that is not set: it must not open the server to all.
    """
    if flag == "":
        raise UsageError("--api-key is empty", setting="api_key", hint="give a key, or leave it out")
    key = flag if flag is not None else os.environ.get(KEY_VARIABLE, "")
    if not (key.isascii() and key.isprintable() and key == key.strip()):
        name = KEY_VARIABLE if flag is None else "--api-key"
        raise UsageError(
            f"{name} has a character that the header of a request cannot carry",
            setting="api_key", hint="use letters, digits and punctuation of ASCII",
        )  # fmt: skip
    return key


def _serve_models(config: ServerConfig, folder: Path, run_names: tuple[str, ...], key: str) -> None:
    use_one_blas_thread()
    use_few_malloc_arenas()
    from rnntui.kinds.language_model import LANGUAGE_MODEL
    from rnntui.kinds.seq2seq import SEQ2SEQ
    from rnntui.serving.access import is_loopback
    from rnntui.serving.served_models import ServedRuns, served_runs
    from rnntui.serving.server import listening_socket, running_server, stop_signals, url_of
    from rnntui.serving.server_state import ServerState

    served_runs(folder, run_names)  # a wrong name is reported before the server starts
    runs = ServedRuns(folder, run_names)
    state = ServerState(config, runs, key, report=print_note)
    names = [*runs.of_kind(LANGUAGE_MODEL), *runs.of_kind(SEQ2SEQ)]
    with listening_socket(config) as listener, stop_signals() as stop:
        if not is_loopback(config.host):
            print_note(_exposure(config.host, key))
        with running_server(state, listener):
            print_note(f"serving {', '.join(names) or 'no model yet'} at {url_of(listener)}/v1 (Ctrl+C ends it)")
            Thread(target=state.preload, daemon=True).start()
            stop.wait()
            if state.is_busy:
                print_note(f"waiting up to {config.grace:g} seconds for requests to end")


def _serve_app(config: ServerConfig, chat_arguments: list[str], key: str) -> None:
    import asyncio

    from rnntui.serving.access import is_loopback
    from rnntui.serving.browser_app import BrowserApp
    from rnntui.serving.server import listening_socket, stop_signals, url_of

    if not is_loopback(config.host):
        if not key:
            raise UsageError(
                f"--app on {config.host} would let anyone on the network use the app, and so your files",
                setting="host", hint="add --api-key KEY",
            )  # fmt: skip
        print_note(_exposure(config.host, key))
    browser_app = BrowserApp(config, chat_arguments, key)
    with listening_socket(config) as listener, stop_signals() as stop:
        print_note(f"open {url_of(listener)}{'/?key=KEY' if key else ''} in a browser (Ctrl+C ends it)")
        asyncio.run(browser_app.serve(listener, stop))


def _exposure(host: str, key: str) -> str:
    protection = "whoever has the key" if key else "anyone; --api-key asks for a key"
    return f"listening on {host}, without encryption: other machines can reach it, and it answers {protection}"
