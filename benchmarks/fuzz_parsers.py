"""Coverage-guided fuzzing of the parsers of files that may come from anywhere, by atheris.

    pip install atheris
    python benchmarks/fuzz_parsers.py weights -max_total_time=60 FOLDER

The first argument names a parser; the others are libFuzzer's, and may end with a folder where inputs that reach new
code are kept. It begins with files of whole runs (`hostile_runs.py`). A parser may raise the errors that its callers
turn into one line; any other exception ends the fuzzer, which then saves the input, and so do a crash, 10 seconds
without an answer and 2 GB of memory.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

os.environ["OMP_NUM_THREADS"] = "1"

with atheris.instrument_imports(include=["rnntui"]):
    from rnntui.charts.metrics_history import MetricsHistory
    from rnntui.errors import RnntuiError
    from rnntui.runs.folder import RunFolder
    from rnntui.runs.tuning_ledger import TuningFolder, read_tuning
    from rnntui.runs.weights_file import load_arrays, load_weights
    from rnntui.runs.weights_header import read_weights_header
    from rnntui.sessions.saved_transcript import SavedLineError, parse_lines
    from rnntui.text.char_tokenizer import CharTokenizer
    from rnntui.text.ngram_features import NgramVocabulary
    from rnntui.text.ngram_model import NgramModel
    from rnntui.text.subword_tokenizer import SubwordTokenizer
    from rnntui.text.word_tokenizer import WordTokenizer
    from rnntui.tui.preferences import PreferencesFile

PROMPT = "the old man, ab 12"


def config(folder: Path) -> None:
    RunFolder(folder).read_config()


def status(folder: Path) -> None:
    RunFolder(folder).read_status()


def weights(folder: Path) -> None:
    read_weights_header(folder / "model.safetensors")
    load_weights(folder / "model.safetensors")


def subwords(folder: Path) -> None:
    _use(SubwordTokenizer.load(folder, "bpe"))


def characters(folder: Path) -> None:
    _use(CharTokenizer.load(folder))


def words(folder: Path) -> None:
    _use(WordTokenizer.load(folder))


def _use(tokenizer: CharTokenizer | WordTokenizer | SubwordTokenizer) -> None:
    ids, _ = tokenizer.encode_with_pieces(PROMPT)
    if not all(0 <= token < tokenizer.vocab_size for token in ids):
        raise AssertionError("an id out of the vocabulary")
    tokenizer.decode(ids)
    for token in range(min(tokenizer.vocab_size, 300)):
        tokenizer.token_text(token)
        tokenizer.stream().push(token)


def ngrams(folder: Path) -> None:
    arrays, _ = load_arrays(folder / "ngrams.safetensors")
    for read in (lambda: NgramModel.from_arrays(arrays, 50), lambda: NgramVocabulary.from_arrays(arrays)):
        try:
            read()
        except ValueError:
            continue


def metrics(folder: Path) -> None:
    MetricsHistory(folder / "metrics.jsonl").read_all()


def transcript(folder: Path) -> None:
    with contextlib.suppress(SavedLineError):
        parse_lines((folder / "chat.jsonl").read_text("utf-8", "replace").split("\n"))


def ledger(folder: Path) -> None:
    read_tuning(TuningFolder(folder))


def preferences(folder: Path) -> None:
    PreferencesFile(folder / "settings.json").load()


PARSERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "config": (config, "config.json"),
    "status": (status, "status.json"),
    "weights": (weights, "model.safetensors"),
    "subwords": (subwords, "tokenizer.model"),
    "characters": (characters, "tokenizer.json"),
    "words": (words, "tokenizer.json"),
    "ngrams": (ngrams, "ngrams.safetensors"),
    "metrics": (metrics, "metrics.jsonl"),
    "transcript": (transcript, "chat.jsonl"),
    "ledger": (ledger, "tuning.jsonl"),
    "preferences": (preferences, "settings.json"),
}
"""Each parser, and the name of the file that it reads in a folder."""


def seeds(folder: Path, name: str) -> Path:
    """Put the files of that name of whole runs into a folder for the fuzzer to begin with."""
    from hostile_runs import make_runs, make_search, make_texts, without_checksums

    made, corpus = folder / "made", folder / "seeds"
    corpus.mkdir()
    for run in make_runs(made):
        without_checksums(made / run, folder / "bare" / run)
    make_texts(folder / "bare" / "texts")
    make_search(folder / "bare" / "text.tuning")
    for index, path in enumerate(sorted((folder / "bare").rglob(name))):
        (corpus / str(index)).write_bytes(path.read_bytes())
    return corpus


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in PARSERS:
        raise SystemExit(f"{__doc__}\nparsers: {', '.join(PARSERS)}")
    parse, name = PARSERS[sys.argv.pop(1)]
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory) as temporary:
        folder = Path(temporary) / "text.tuning"
        folder.mkdir()

        def attempt(data: bytes) -> None:
            (folder / name).write_bytes(data)
            with contextlib.suppress(RnntuiError, OSError):
                parse(folder)

        limits = ["-timeout=10", "-rss_limit_mb=2048", "-max_len=65536"]
        atheris.Setup([*sys.argv, *limits, str(seeds(Path(temporary), name))], attempt)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
