"""Commands on a corpus of documents: a list of names, each of which a model begins and ends."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
from tiny_runs import QUICK

from rnntui.cli.main import run
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.runs.folder import RunFolder

NAMES = [
    f"{a}{b}{c}" for a in ("Ba", "Ko", "Mi") for b in ("la", "ro", "ni", "su", "te") for c in ("n", "ra", "s", "l")
]


@pytest.fixture(scope="session")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoints folder with a model of names."""
    folder = tmp_path_factory.mktemp("names")
    (folder / "names.txt").write_text("".join(f"{name}{end}\n" for name in NAMES for end in ("", "a", "e")))
    arguments = ["train", str(folder / "names.txt"), "--checkpoints", str(folder / "checkpoints"), *QUICK]
    assert run([*arguments, "--steps", "300", "--learning-rate", "0.02", "--ngram-prior", "0", "--dropout", "0"]) == 0
    return folder / "checkpoints"


@pytest.fixture
def sample(rnntui, names: Path):
    def call(*arguments: str, stdin: bytes = b""):
        return rnntui("sample", "--checkpoints", names, "--seed", "1", *arguments, stdin=stdin)

    return call


def test_each_sample_is_a_name_on_a_line_of_its_own(sample) -> None:
    lines = sample("--samples", "20", "--temperature", "0.5").out.split("\n")
    assert len(lines) == 21 and not lines.pop()
    assert all(line[:2] in ("Ba", "Ko", "Mi") and 4 <= len(line) <= 9 for line in lines)


def test_a_sample_stops_at_the_end_of_its_document(sample) -> None:
    [line] = map(json.loads, sample("--json", "--temperature", "0.5").out.splitlines())
    assert line["stopped"] and line["tokens"][-1] == "<eos>" and line["tokens"].count("<eos>") == 1
    assert line["text"] == "".join(line["tokens"][:-1])
    [short] = map(json.loads, sample("--json", "-n", "2").out.splitlines())
    assert not short["stopped"] and len(short["tokens"]) == 2


@pytest.mark.parametrize("prompt", [b"Ko", b"Ko\n"])
def test_a_prompt_is_the_beginning_of_a_name(sample, prompt: bytes) -> None:
    lines = sample("--samples", "5", stdin=prompt).out.splitlines()
    assert len(lines) == 5 and all(line.startswith("Ko") and len(line) > 2 for line in lines)


def test_lines_before_the_last_are_other_names(sample) -> None:
    result = sample("--prompt", "Balan\nKo")
    assert result.err == "" and result.out.startswith("Balan\nKo")


def test_the_separator_can_be_chosen(sample) -> None:
    assert sample("--samples", "3", "--separator", "|").out.count("|") == 2


def test_a_line_is_scored_with_its_end(rnntui, names: Path) -> None:
    result = rnntui("score", "--checkpoints", names, "--json", stdin=b"Balan\n\nBal\n")
    name, blank, part = map(json.loads, result.out.splitlines())
    assert (name["tokens"], blank["tokens"], part["tokens"]) == (6, 0, 4)
    assert name["log_probability"] > part["log_probability"], "no name ends there"
    assert blank["bits_per_character"] is None


def test_a_text_is_evaluated_by_its_documents(rnntui, names: Path) -> None:
    result = rnntui("evaluate", "--checkpoints", names, names.parent / "names.txt", "--json")
    text = (names.parent / "names.txt").read_text()
    assert json.loads(result.out)["streaming"]["tokens"] == len(text)


def train(rnntui, *arguments: str | Path):
    return rnntui("train", *arguments, *QUICK, "--steps", "2", "--checkpoints", "runs")


def corpus_info() -> TextCorpusInfo:
    [folder] = Path("runs").iterdir()
    return RunFolder(folder).read_config().corpus_as(TextCorpusInfo)


def test_what_was_taken_for_a_document_is_said_in_a_line(rnntui, names: Path) -> None:
    result = train(rnntui, names.parent / "names.txt")
    assert "names.txt: 180 lines, each a document (--documents none reads one long text)" in result.err
    assert (corpus_info().documents, corpus_info().document_count, corpus_info().validation_from) == (
        "line",
        180,
        "spread",
    )


def test_one_long_text_can_be_asked_for(rnntui, names: Path) -> None:
    result = train(rnntui, names.parent / "names.txt", "--documents", "none")
    assert result.code == 0 and "document" not in result.err
    assert (corpus_info().documents, corpus_info().validation_from) == ("none", "end")


def text_of(seed: int, lines: int = 300) -> str:
    draw = random.Random(seed)
    return "".join(" ".join(draw.choices(["alpha", "beta", "gamma", "delta"], k=7)) + "\n" for _ in range(lines))


def test_a_validation_text_of_its_own_is_recorded_and_cannot_change(rnntui) -> None:
    for seed, name in enumerate(("corpus.txt", "held-out.txt", "other.txt")):
        Path(name).write_text(text_of(seed, 50 if seed else 300) + "é" * (seed == 1))
    result = train(rnntui, "corpus.txt", "--validation-text", "held-out.txt")
    assert result.code == 0 and "held-out.txt: 'é' not in the vocabulary" in result.err
    info = corpus_info()
    assert info.validation_sources == ("held-out.txt",) and "validation text: held-out.txt" in info.summary
    assert info.training is not None and info.training.characters == len(text_of(0))
    assert info.validation is not None and info.validation.characters == len(text_of(1, 50)) + 1
    resume = ["--resume", "--checkpoints", "runs", "--steps", "4"]
    result = rnntui("train", "corpus.txt", "--validation-text", "other.txt", *resume)
    assert result.code == 2 and "--validation-text cannot change when a run is resumed" in result.err
    Path("held-out.txt").replace("renamed.txt")
    assert rnntui("train", "corpus.txt", "--validation-text", "renamed.txt", *resume).code == 0
    Path("held-out.txt").write_text(text_of(2, 50))
    result = rnntui("train", "corpus.txt", "--validation-text", "held-out.txt", *resume)
    assert result.code == 2 and "--validation-text cannot change when a run is resumed" in result.err
    assert rnntui("train", "corpus.txt", *resume[:-1], "6").code == 0


def test_a_validation_text_that_is_the_training_text_is_told(rnntui) -> None:
    for name, seed in (("corpus.txt", 0), ("copy.txt", 0), ("other.txt", 1)):
        Path(name).write_text(text_of(seed))
    told = "copy.txt: the validation text is the training text"
    assert told in train(rnntui, "corpus.txt", "--validation-text", "copy.txt").err
    assert "is the training text" not in train(rnntui, "corpus.txt", "--validation-text", "other.txt").err


def test_a_file_that_is_named_again_is_trained_on_once_and_copies_are_told(rnntui) -> None:
    Path("dd").mkdir()
    for name, seed in (("corpus.txt", 0), ("dd/copy.txt", 0), ("dd/other.txt", 1)):
        Path(name).write_text(text_of(seed))
    result = train(rnntui, "corpus.txt", "corpus.txt", "./corpus.txt")
    assert result.err.count("corpus.txt was named 3 times; it is read once") == 1 and "copies" not in result.err
    info = corpus_info()
    assert info.sources == ("corpus.txt",) and info.characters == len(text_of(0))
    told = "corpus.txt and dd/copy.txt are copies of each other"
    assert told in train(rnntui, "corpus.txt", "dd").err
    result = train(rnntui, "dd", "--validation-text", "corpus.txt")
    assert "corpus.txt is in the training text, too" in result.err and "copies" not in result.err
    resume = ["--resume", "--checkpoints", "runs", "--name", "corpus", "--steps", "4"]
    assert rnntui("train", "corpus.txt", "./corpus.txt", *resume).code == 0


def test_a_run_that_read_a_file_twice_as_earlier_versions_did_resumes(rnntui, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("corpus.txt").write_text(text_of(0))
    with monkeypatch.context() as patch:
        patch.setattr("rnntui.training.prepare_language_model.without_repeats", lambda corpus: (corpus, ""))
        train(rnntui, "corpus.txt", "corpus.txt")
    assert corpus_info().sources == ("corpus.txt", "corpus.txt")
    resume = ["--resume", "--checkpoints", "runs", "--steps", "4"]
    assert rnntui("train", "corpus.txt", "corpus.txt", *resume).code == 0
    assert rnntui("train", *resume[:-1], "6").code == 0
    shutil.rmtree(Path("runs/corpus/resume"))
    built = rnntui("index", "--checkpoints", "runs", "corpus")
    assert built.code == 0, built.err  # from the files that it names
    Path("corpus.txt").write_text(text_of(1))
    assert "not the text that run corpus was trained on" in rnntui("index", "--checkpoints", "runs", "corpus").err


def test_a_short_or_missing_validation_text_is_told_by_its_name(rnntui) -> None:
    Path("corpus.txt").write_text(text_of(0))
    Path("held-out.txt").write_text("a")
    result = train(rnntui, "corpus.txt", "--validation-text", "held-out.txt")
    assert result.code == 1 and "held-out.txt is too small: 1 token for validation" in result.err
    assert train(rnntui, "corpus.txt", "--validation-text", "nowhere.txt").code == 2
    assert not list(Path().glob("runs/*"))


def test_a_sorted_list_is_told_and_documents_or_spread_blocks_are_not(rnntui) -> None:
    draw = random.Random(1)
    words = sorted({"".join(draw.choices("abcdefghijklm", k=draw.randint(4, 8))) for _ in range(2400)})
    Path("words.txt").write_text("\n".join(words) + "\n")
    told = "the end of the text, held out for validation, is not like the rest: the lines are sorted"
    assert told in train(rnntui, "words.txt", "--documents", "none").err
    assert told not in train(rnntui, "words.txt", "--documents", "none", "--validation-from", "spread").err
    assert told not in train(rnntui, "words.txt").err


def test_another_document_setting_cannot_resume_a_run(rnntui, names: Path) -> None:
    train(rnntui, names.parent / "names.txt")
    result = rnntui("train", "--resume", "--checkpoints", "runs", "--documents", "none", "--steps", "4")
    assert result.code == 2 and "--documents cannot change when a run is resumed" in result.err
