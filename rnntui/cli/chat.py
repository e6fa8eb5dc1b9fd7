"""`rnntui chat`: the terminal app."""

from __future__ import annotations

import gc
import os
import sys

import click

from rnntui.cli.environment import use_one_blas_thread
from rnntui.cli.options import checkpoints_option
from rnntui.cli.run_choice import existing_checkpoints_folder
from rnntui.cli.terminal import print_note
from rnntui.errors import UsageError


@click.command("chat")
@click.argument("run", required=False)
@click.option("--reopen", is_flag=True, help="Continue the last text, with the model that wrote it or with RUN.")
@checkpoints_option
def command(run: str | None, reopen: bool, checkpoints: str | None) -> int:
    """Open the terminal app: write, translate and classify with models, and watch them train.

    RUN is a run's name or path [default: the newest, else the shipped model]; a Seq2Seq run opens the Translate tab, a
    classifier the Classify tab.
    """
    # `rnntui serve --app` runs the app without a terminal, with a driver for the browser.
    is_in_browser = "TEXTUAL_DRIVER" in os.environ
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()) and not is_in_browser:
        raise UsageError("chat needs a terminal; in scripts and pipes use: rnntui sample")
    if not sys.stderr.isatty() and not is_in_browser:
        raise UsageError("chat needs a terminal: it draws on stderr, which is redirected", hint="leave that out")
    from rnntui.kinds.registry import kind_or_default
    from rnntui.runs.lookup import kind_id_of, named_run

    folder = existing_checkpoints_folder(checkpoints)
    # An unknown name is reported before the app is loaded.
    kind = kind_or_default(kind_id_of(named_run(run, folder)) if run is not None else None)
    use_one_blas_thread()
    # Loading the modules makes thousands of objects and no garbage: collecting would take a quarter of the time to the
    # first paint.
    gc.disable()
    from rnntui.tui.app import RnntuiApp
    from rnntui.tui.preferences import tab_of_last_text

    tab = tab_of_last_text() if reopen and run is None else None
    app = RnntuiApp(folder, run, first=tab or kind.use.tab, reopen=reopen)
    gc.freeze()
    gc.enable()
    if is_in_browser:
        from rnntui.tui.browser_driver import BrowserDriver

        app.driver_class = BrowserDriver
    from rnntui.cli.app_termination import AppTermination

    with AppTermination(app):
        app.run()
    for message in app.exit_messages:
        print_note(message)
    return app.return_code or 0
