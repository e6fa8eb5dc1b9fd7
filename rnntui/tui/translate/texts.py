"""What the keys of the Translate tab do with the text as a whole: copying, saving, keeping, opening another."""

from __future__ import annotations

from pathlib import Path

from textual import work
from textual.widgets import TextArea

from rnntui.atomic_files import atomic_write
from rnntui.errors import RnntuiError, UsageError
from rnntui.sessions import autosave
from rnntui.sessions.autosave import Job, Kept
from rnntui.text.control_chars import decode_control_chars
from rnntui.tui.preferences import sources_folder
from rnntui.tui.translate.pointing import Pointing

_KEPT = "*.txt"


def _write(job: Job) -> None:
    job.path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(job.path, job.text.encode("utf-8", "surrogatepass"))


class Texts(Pointing):
    """A source that outlives the app."""

    _keeps = True

    def on_mount(self) -> None:
        self.kept = Kept(sources_folder, _write)

    @property
    def text(self) -> str:
        """The source."""
        return "\n".join(self.lines)

    @property
    def translated(self) -> list[str]:
        """What stands beside each line."""
        return list(self._shown)

    # -- copying and saving --------------------------------------------------------------------------------------

    def action_copy(self) -> None:
        """Copy what is selected on the side where the cursor is, or else the whole translation."""
        focused = self.screen.focused
        selected = focused.selected_text if isinstance(focused, TextArea) else ""
        text = decode_control_chars(selected) or "\n".join(self._shown)
        self.app.copy_to_clipboard(text)
        self.tell(f"Copied {len(text):,} characters.", seconds=2)

    @work
    async def action_save(self) -> None:
        """Ask for a name and save the source beside its translation."""
        from rnntui.sessions.transcript_files import free_name, path_from
        from rnntui.tui.screens.dialogs import AskScreen

        if not self.text.strip():
            self.warn("There is nothing to save yet.")
            return
        suggested = free_name(self.run_name or "translation", Path(), (".tsv",))
        name = await self.app.push_screen_wait(AskScreen("Save source and translation as", str(suggested)))
        if not name:
            return
        try:
            path = path_from(name)
            path = free_name(self.run_name, path, (".tsv",)) if path.is_dir() else path
            path = path if path.suffix else path.with_suffix(".tsv")
            if path.exists():
                raise UsageError(f"{path} is there already; give another name")
            atomic_write(path, table(self.lines, self._shown).encode("utf-8", "surrogatepass"))
        except RnntuiError as error:
            self.tell(str(error), title="Not saved", severity="error")
        except (OSError, ValueError) as error:
            problem = f"{name}: {getattr(error, 'strerror', None) or error}"
            self.tell(problem, title="Not saved", severity="error")
        else:
            missing = self._total - self._done
            self.tell(f"{path}{f'; {missing:,} lines are not translated yet' if missing else ''}", title="Saved")

    # -- keeping -------------------------------------------------------------------------------------------------

    def keep(self) -> None:
        """Keep the source, if it has changed, where it is found again after whatever may happen."""
        job = self.kept.job(self.text, str) if self.text.strip() else None
        if job is not None:
            self._write_kept(job)

    @work(thread=True, group="keep")
    def _write_kept(self, job: Job) -> None:
        """In a thread: a disk may take its time."""
        try:
            self.kept.write(job)
            autosave.tidy(sources_folder(), _KEPT)
        except (OSError, RnntuiError) as error:
            self.app.call_from_thread(self._not_kept, str(error))

    def _not_kept(self, problem: str) -> None:
        if self._keeps:  # told once
            self._keeps = False
            self.tell(problem, title="The text is not kept", severity="warning")

    def on_unmount(self) -> None:
        job = self.kept.job(self.text, str) if self.text.strip() else None
        try:
            if job is not None:
                self.kept.write(job)
        except (OSError, RnntuiError) as error:
            self.farewell = f"the text to translate could not be kept: {error}"

    def restore(self) -> None:
        """Go on with the source of last time."""
        path = autosave.last_kept(sources_folder(), _KEPT)
        if path is None or self.text:
            return
        try:
            text = path.read_bytes().decode("utf-8", "surrogatepass")
        except (OSError, ValueError) as error:
            self.tell(f"{path}: {error}", title="The text of last time cannot be read", severity="warning")
        else:
            self.kept.begin(text)
            self.source.fill(text)

    # -- another text --------------------------------------------------------------------------------------------

    def action_new(self) -> None:
        """Begin another text; the one before is kept."""
        self.keep()
        self.kept.begin()
        self.source.fill("")
        self.source.focus()

    @work
    async def action_open(self) -> None:
        """Translate a text file; of a table, its first column."""
        from rnntui.sessions.transcript_files import path_from
        from rnntui.tui.screens.dialogs import AskScreen

        last = autosave.last_kept(sources_folder(), _KEPT)
        name = await self.app.push_screen_wait(AskScreen("Translate which file?", str(last or "")))
        if not name:
            return
        try:
            path = path_from(name)
            text = path.read_bytes().decode("utf-8")
        except RnntuiError as error:
            self.tell(str(error), title="Not opened", severity="error")
        except UnicodeDecodeError as error:
            self.tell(f"{name} is not UTF-8 at its byte {error.start}", title="Not opened", severity="error")
        except (OSError, ValueError) as error:
            self.tell(f"{name}: {getattr(error, 'strerror', None) or error}", title="Not opened", severity="error")
        else:
            if path.suffix == ".tsv":
                text = "\n".join(line.partition("\t")[0] for line in text.split("\n"))
            self.keep()
            self.kept.begin()
            self.source.fill(text.replace("\r\n", "\n"))


def table(sources: list[str], translations: list[str]) -> str:
    """A row of two columns for each line. Tabs within a line become spaces, so that there are two columns."""
    rows = zip(sources, translations, strict=True)
    return "".join("\t".join(text.replace("\t", " ") for text in row) + "\n" for row in rows)
