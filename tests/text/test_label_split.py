"""The split of labelled texts: no shared text, the labels' shares, every label in training."""

from __future__ import annotations

import random
import time

import pytest

from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.text.label_split import is_recorded_split, split_labelled
from rnntui.text.labelled_corpus import LabelledText, count_labels
from rnntui.text.normalization import comparison_key


def rows_of(*labelled: tuple[str, str]) -> list[LabelledText]:
    return [LabelledText(text, label, "t.tsv", row) for row, (text, label) in enumerate(labelled, 1)]


def random_rows(seed: int) -> list[LabelledText]:
    """A table with repeated texts, in other case and punctuation, some with several labels."""
    choose = random.Random(seed)
    labels = [f"label {index}" for index in range(choose.randint(2, 9))]
    weights = [choose.random() ** 3 + 0.01 for _ in labels]
    texts = [f"{choose.choice(['Text', 'text', 'TEXT,', '«text»'])} {choose.randint(1, 400)}" for _ in range(300)]
    usual = {comparison_key(text): choose.choices(labels, weights)[0] for text in texts}
    odd = choose.random() * 0.2
    return rows_of(
        *((text, choose.choice(labels) if choose.random() < odd else usual[comparison_key(text)]) for text in texts)
    )


@pytest.mark.parametrize("seed", range(40))
def test_a_split_shares_no_text_and_keeps_all_labels_in_training(seed: int) -> None:
    rows, fraction = random_rows(seed), random.Random(seed).choice([0.02, 0.1, 0.25, 0.5])
    training, held_out = split_labelled(rows, fraction, seed)
    assert sorted([*training, *held_out], key=lambda row: row.row) == rows
    assert [row.row for row in held_out] == sorted(row.row for row in held_out)
    assert not {comparison_key(row.text) for row in training} & {comparison_key(row.text) for row in held_out}
    assert set(count_labels(training)) == set(count_labels(rows))
    assert 0 < len(held_out) <= max(1, round(fraction * len(rows)))
    assert split_labelled(rows, fraction, seed) == (training, held_out)


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.3])
def test_every_label_has_its_share_within_rounding(fraction: float) -> None:
    choose = random.Random(7)
    rows = rows_of(*((f"text {i}", choose.choices("abcde", [50, 20, 10, 5, 1])[0]) for i in range(997)))
    held_out = split_labelled(rows, fraction, 1)[1]
    total, validation = count_labels(rows), count_labels(held_out)
    assert all(abs(validation.get(label, 0) - fraction * count) < 1 for label, count in total.items())
    assert len(held_out) == round(fraction * len(rows))
    assert held_out != split_labelled(rows, fraction, 2)[1]


def test_case_spaces_and_punctuation_make_no_other_text() -> None:
    variants = ["See it!", "see it", "SEE  IT…", "see-it"]
    rows = rows_of(*((text, "pos") for text in variants), *((f"dull {i}", "neg") for i in range(8)))
    for seed in range(20):
        training, _ = split_labelled(rows, 0.5, seed)
        assert sum(row.text in variants for row in training) in (0, 4)


def test_texts_without_letters_differ_by_their_signs() -> None:
    rows = rows_of(
        *(
            (sign, label)
            for label, signs in (("pos", ":) :D ;) :-)"), ("neg", ":( :'( >:( D:<"))
            for sign in signs.split()
        )
    )
    assert len(split_labelled(rows, 0.5, 0)[1]) >= 3


def test_a_text_that_is_often_repeated_does_not_fill_the_validation_part() -> None:
    rows = rows_of(
        *[("ok", "pos")] * 40, *((f"fine {i}", "pos") for i in range(400)), *((f"bad {i}", "neg") for i in range(400))
    )
    for seed in range(10):
        assert "ok" not in {row.text for row in split_labelled(rows, 0.1, seed)[1]}
    doubled = rows_of(*((f"film {i // 2}", "pos" if i % 4 < 2 else "neg") for i in range(400)))
    assert len(split_labelled(doubled, 0.1, 0)[1]) == 40


@pytest.mark.parametrize(
    ("rows", "held_out"),
    [
        ([("a", "x"), ("b", "y")], 0),
        ([("a", "x"), ("A!", "x"), ("b", "y")], 0),
        ([("a", "x"), ("b", "x"), ("c", "y")], 1),
        ([("a", "x"), ("a", "x"), ("b", "x"), ("b", "x"), ("c", "y")], 2),
    ],
)
def test_few_rows_give_one_text_to_validate_if_a_label_has_two(rows: list[tuple[str, str]], held_out: int) -> None:
    assert len(split_labelled(rows_of(*rows), 0.01, 3)[1]) == held_out


def test_a_repeated_split_is_recognized_by_its_numbers() -> None:
    rows = random_rows(3)
    training, held_out = split_labelled(rows, 0.1, 5)
    counts = count_labels(training)
    info = LabelledCorpusInfo(
        labels=tuple(counts), label_counts=tuple(counts.values()), rows=(len(training), len(held_out))
    )
    assert is_recorded_split(info, training, held_out)
    assert not is_recorded_split(info, training[1:], held_out)
    assert not is_recorded_split(LabelledCorpusInfo(), training, held_out)


def test_many_rows_split_in_linear_time() -> None:
    words = [f"word{i}" for i in range(1000)]
    choose = random.Random(1)
    rows = rows_of(*((" ".join(choose.choices(words, k=20)), f"label {i % 20}") for i in range(10_000)))
    start = time.process_time()
    split_labelled(rows, 0.05, 1)
    assert time.process_time() - start < 2  # seconds; 0.1 is usual
