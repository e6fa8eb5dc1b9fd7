"""Text files that the user opens in the app: decoded, with LF as line ends, whatever program has saved them."""

from __future__ import annotations

from pathlib import Path

from rnntui.errors import UsageError
from rnntui.text.encoding import InvalidTextError, TextDecoder
from rnntui.text.recognition import likely_encoding, recognize


def read_text_file(path: Path) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 or UTF-32 if its first bytes say so.

    CR LF and CR become LF; a byte order mark is dropped. Raises `CorpusError` or `UsageError` if it is another encoding
    or no text, `OSError` if the file cannot be read.
    """
    data = path.read_bytes()
    file_type = recognize(data, "utf-8")
    encoding = file_type.encoding if file_type else ""
    if file_type and not encoding and not file_type.is_unknown:  # a zero byte among text is a character like others
        raise file_type.error(data, str(path), is_file=True)
    try:
        return TextDecoder(encoding or "utf-8", "strict", "universal").decode(data, final=True)
    except InvalidTextError as error:
        likely = "" if encoding or error.offset is None else likely_encoding(data, error.offset)
        guess = f", and probably {likely}" if likely else ""
        raise UsageError(
            f"{path} is not {(encoding or 'utf-8').upper()}: {error}{guess}", hint="save it as UTF-8"
        ) from error
