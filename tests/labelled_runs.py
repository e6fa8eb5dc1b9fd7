"""Labelled texts and classifier runs for tests: as small as can be, the same each time."""

from __future__ import annotations

import random
from pathlib import Path

from rnntui.config import Budget
from rnntui.config_classifier import ClassifierConfig, ClassifierTokenizerConfig, ClassifierTrainingConfig
from rnntui.runs.folder import RunFolder
from rnntui.settings import Settings, settings_of
from rnntui.text.corpus import find_corpus
from rnntui.text.labelled import read_labelled
from rnntui.training.prepare_classifier import ClassifierRequest, create_classifier_run

NOUNS = ("cat", "dog", "tree", "house", "river", "bird", "stone", "boat")
GOOD = ("lovely", "bright", "fine", "happy")
BAD = ("awful", "dark", "poor", "sad")

TINY = {
    "hidden": 8, "embedding": 8, "dropout": 0.1, "word_dropout": 0.05, "embedding_dropout": 0.1,
    "batch_size": 16, "bucket_batches": 4,
    "learning_rate": 1e-2, "warmup": 3, "evaluations": 4, "patience": 0, "validation_fraction": 0.2,
    "save_every": 1e6,
}  # fmt: skip


def opinions(count: int = 200, seed: int = 0) -> list[tuple[str, str]]:
    """Return short texts that are good or bad by one adjective."""
    rng = random.Random(seed)
    rows = []
    for index in range(count):
        label, words = (("good", GOOD), ("bad", BAD))[index % 2]
        nouns = " and the ".join(rng.choice(NOUNS) for _ in range(rng.randint(1, 3)))
        rows.append((f"the {rng.choice(words)} {nouns} {index}", label))
    return rows


def orders(count: int = 400, seed: int = 0) -> list[tuple[str, str]]:
    """Return texts with the same words and n-grams, which only their order tells apart: is the a before the b?"""
    rng = random.Random(seed)
    rows: dict[str, str] = {}
    while len(rows) < count:
        letters = ["x"] * rng.randint(14, 18)
        first, second = sorted(rng.sample(range(0, len(letters), 6), 2))
        pair = rng.choice(("ab", "ba"))
        letters[first], letters[second] = pair
        rows[" ".join(letters) + " " + "".join(rng.choices("pqrs", k=6))] = pair
    return list(rows.items())


def labelled_table(path: Path, rows: list[tuple[str, str]]) -> Path:
    """Write rows as a table of two columns."""
    path.write_text("".join(f"{text}\t{label}\n" for text, label in rows), encoding="utf-8")
    return path


def make_labelled_run(
    folder: Path, rows: list[tuple[str, str]], name: str, steps: int = 30, **settings: object
) -> RunFolder:
    """Create a classifier run in a folder that is ready to train."""
    corpus = read_labelled(find_corpus([str(labelled_table(folder / f"{name}.tsv", rows))]))
    values = {**TINY, **settings}

    def part(settings_class: type[Settings]) -> Settings:
        names = {setting.option_name: name for name, setting in settings_of(settings_class).items()}
        return settings_class(**{names[key]: value for key, value in values.items() if key in names})

    unknown = set(values) - {
        setting.option_name
        for settings_class in (ClassifierConfig, ClassifierTokenizerConfig, ClassifierTrainingConfig)
        for setting in settings_of(settings_class).values()
    }
    assert not unknown, unknown
    request = ClassifierRequest(
        part(ClassifierConfig),  # type: ignore[arg-type]
        part(ClassifierTokenizerConfig),  # type: ignore[arg-type]
        part(ClassifierTrainingConfig),  # type: ignore[arg-type]
        Budget(steps=steps),
        given=frozenset(values),
    )
    return create_classifier_run(corpus, None, request, folder / "checkpoints", name)[0]
