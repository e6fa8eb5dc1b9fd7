"""Files that a corpus has more than once: reached again under another name, or copied."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from rnntui.errors import CorpusError, os_error_hint
from rnntui.formatting import few_names, few_names_with_verb
from rnntui.text.corpus import Corpus
from rnntui.text.encoding import STDIN_NAME

_MIN_BYTES = 64  # shorter files are equal by chance, and hold little text


def without_repeats(corpus: Corpus) -> tuple[Corpus, str]:
    """Return the corpus with each file once, and a message that names those that were reached again.

    Files are the same if their names lead to the same place, members of archives and documents among them. Without
    repeats, it is the corpus itself, and the message is empty.
    """
    places = [
        str(path) if name == STDIN_NAME else os.path.realpath(name)
        for path, name in zip(corpus.files, corpus.display_names, strict=True)
    ]
    first = {place: index for index, place in reversed(list(enumerate(places)))}
    if len(first) == len(places):
        return corpus, ""
    once = corpus.subset(sorted(first.values()))
    times = {corpus.display_names[first[place]]: count for place, count in Counter(places).items() if count > 1}
    if len(times) == 1:
        [(name, count)] = times.items()
        return once, f"{name} was named {'twice' if count == 2 else f'{count:,} times'}; it is read once"
    return once, f"{few_names([*times])} were named more than once; each is read once"


def has_repeats(names: Sequence[str]) -> bool:
    """Return True if two names of files lead to the same place, as in what a run of an earlier version records."""
    return len({*map(os.path.realpath, names)}) < len(names)


def readings(corpus: Corpus) -> list[Corpus]:
    """Return the corpora that a run on these files may have been created with: each file once; or as they are named.

    Earlier versions read a file as often as it was named.
    """
    once = without_repeats(corpus)[0]
    return [once] if once is corpus else [once, corpus]


def copies_message(corpus: Corpus, is_split: bool) -> str:
    """Return a warning of files that are copies of each other; empty if there are none.

    Args:
        corpus: the text, in which no file repeats.
        is_split: a part of the text is held out for validation.

    Raises `CorpusError` if a file cannot be read.
    """
    groups = [[corpus.display_names[index] for index in group] for group in _equal_files(corpus.files)]
    if not groups:
        return ""
    names = " and ".join(groups[0]) if len(groups[0]) == 2 else few_names(groups[0])
    are = f"{names} are copies of each other"
    if len(groups) > 1:
        are += f", and so are some of {sum(map(len, groups[1:])):,} more files"
    if not is_split:
        return f"{are}: their text is trained on more than once"
    return (
        f"{are}: what is held out of one may be trained on in another, so the validation loss says less about new "
        f"text; leave the copies out"
    )


def shared_files_message(corpus: Corpus, validation: Corpus) -> str:
    """Return a warning of files of a validation text that are also in the training text, or copies of files there.

    It is empty if there are none. Raises `CorpusError` if a file cannot be read.
    """
    count = len(corpus.files)
    groups = [group for group in _equal_files(corpus.files + validation.files) if group[0] < count]
    names = [validation.display_names[index - count] for group in groups for index in group if index >= count]
    if not names:
        return ""
    are = few_names_with_verb(names, "is", "are")
    return f"{are} in the training text, too, so the validation loss says less about new text"


def _equal_files(files: Sequence[Path]) -> list[list[int]]:
    """Return groups of indexes of files of equal contents, each in order; only those of the same size are read."""
    by_size: defaultdict[int, list[int]] = defaultdict(list)
    by_hash: defaultdict[bytes, list[int]] = defaultdict(list)
    try:
        for index, path in enumerate(files):
            by_size[path.stat().st_size].append(index)
        for size, indexes in by_size.items():
            for index in indexes if size >= _MIN_BYTES and len(indexes) > 1 else ():
                with files[index].open("rb") as file:
                    by_hash[hashlib.file_digest(file, "blake2b").digest()].append(index)
    except OSError as error:
        raise CorpusError(f"cannot read {error.filename}: {error.strerror}", hint=os_error_hint(error)) from error
    return sorted(group for group in by_hash.values() if len(group) > 1)
