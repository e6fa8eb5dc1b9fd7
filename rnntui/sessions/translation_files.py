"""Files of the Translate tab: a source to open, and source and translation to save as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rnntui.atomic_files import write_user_file
from rnntui.errors import UsageError, read_error
from rnntui.formatting import shell_quote
from rnntui.sessions.saved_texts import OpenedSource
from rnntui.sessions.text_files import free_name, path_from, path_to_save, read_text_file
from rnntui.text.subtitles import SUBTITLE_FORMATS, SubtitleText, parse_subtitles


def suggested_table(run_name: str, folder: Path = Path()) -> Path:
    """Return a path for a table that no file has yet, named after the model."""
    return free_name(run_name or "translation", folder, (".tsv",))


def save_table(
    name: str, run_name: str, sources: Sequence[str], translations: Sequence[str], *, confirmed: bool = False
) -> Path:
    """Write a row of source and translation for each line, and return the path.

    Args:
        name: the path as typed; `.tsv` is appended if it has no suffix. In a folder the file is named after the model.
        run_name: the name of the model.
        sources: lines.
        translations: of each line; empty where there is none.
        confirmed: the user has agreed to overwrite the file, or to create its folder.

    Raises `UnconfirmedError` where the user has to agree, `RnntuiError` if the file cannot be written.
    """
    path = path_to_save(
        name,
        lambda path: path if path.suffix else path.with_name(f"{path.name}.tsv"),
        lambda folder: suggested_table(run_name, folder),
        confirmed,
    )
    write_user_file(path, tsv(sources, translations).encode("utf-8", "surrogatepass"))
    return path


def tsv(sources: Sequence[str], translations: Sequence[str]) -> str:
    """Return a row of two columns for each line. Tabs within a line become spaces, so that there are two columns."""
    rows = zip(sources, translations, strict=True)
    return "".join("\t".join(text.replace("\t", " ") for text in row) + "\n" for row in rows)


def read_source(name: str) -> OpenedSource:
    """Return the text of a file; of a `.tsv` table its first column, of subtitles each text as a line.

    Raises `UsageError` or `CorpusError` if it cannot be read.
    """
    try:
        path = path_from(name)
        text = read_text_file(path)
    except OSError as error:
        raise read_error(name, error) from error
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error
    subtitle_format = SUBTITLE_FORMATS.get(path.suffix.lower())
    if subtitle_format is not None:
        pieces = parse_subtitles(text, subtitle_format)
        texts = [piece.text for piece in pieces if isinstance(piece, SubtitleText)]
        note = f"Opened without its time codes; rnntui translate {shell_quote(name)} keeps them."
        return OpenedSource("\n".join(text for text in texts if text), note)
    if path.suffix.lower() == ".tsv":
        text = "\n".join(line.partition("\t")[0] for line in text.split("\n"))
    return OpenedSource(text)
