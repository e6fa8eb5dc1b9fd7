"""The classification session: labels line by line as a text is edited, and explanations of the line at the cursor."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

import pytest
from fake_classifier import FakeClassifier

from rnntui.errors import UnconfirmedError
from rnntui.inference.explanation import Explanation, Removal, TokenShare
from rnntui.sessions import line_worker
from rnntui.sessions.classification_files import read_texts, save_results, suggested_results_file
from rnntui.sessions.classification_session import ClassificationSession
from rnntui.sessions.classification_worker import MAX_LINE_LENGTH, ClassificationWorker, classification_worker
from rnntui.sessions.explanation_view import MEASURES, SHARE, measures_of, token_weights, word_shares
from rnntui.sessions.line_change import Viewport, line_change


class EditedText:
    """A session whose worker works when a test says so, with its errors."""

    def __init__(self, folder: Path, classifier: FakeClassifier | None = None) -> None:
        self.cursor = 0
        self.errors: list[str] = []
        self.classifier = classifier or FakeClassifier()
        self.session = ClassificationSession("one", self._start_worker, lambda: folder)
        self.session.set_model("one", self.classifier)  # type: ignore[arg-type]

    def _start_worker(self) -> ClassificationWorker:
        return classification_worker(self._updated, lambda line, error: self.errors.append(f"{line}: {error}"))

    def _updated(self) -> None:
        self.session.update()

    def type(self, text: str, work: bool = True) -> None:
        lines = text.split("\n")
        change = line_change(self.session.lines, lines)
        if change is not None:
            self.session.edit(change, lines[change.start : change.new_end])
        self.look(self.cursor, work)

    def look(self, cursor: int, work: bool = True) -> None:
        """Move the cursor to a line."""
        self.cursor = cursor
        self.session.compute(Viewport(cursor, 0, 5))
        if work:
            assert self.session.worker is not None
            while self.session.worker.work():
                pass

    @property
    def labels(self) -> list[str | None]:
        return [result and result.label for result in self.session.results]


@pytest.fixture
def edited(tmp_path: Path) -> EditedText:
    return EditedText(tmp_path)


def test_each_line_gets_its_label_and_a_blank_one_stays_blank(edited: EditedText) -> None:
    edited.type("warmth\n\n  \nbad \nbad")
    assert edited.labels == ["positive", "", "", "negative", "negative"]
    assert sorted(chain(*edited.classifier.asked)) == ["bad", "warmth"]
    assert edited.session.status(0) == "one · 3 lines: negative ×2, positive ×1"
    edited.type("warmth\n\nbad")
    assert len(edited.classifier.asked) == 2 and edited.labels == ["positive", "", "negative"]


def test_an_old_label_stays_until_there_is_a_new_one(edited: EditedText) -> None:
    edited.type("warmth\nbad")
    edited.type("warmth and\nbad", work=False)
    assert edited.labels == ["positive", "negative"] and "classified 1 of 2 lines …" in edited.session.status(0)
    assert edited.session.result(0) is None and edited.session.explanation(0) is None
    edited.type("  \nbad", work=False)
    assert edited.labels[1:] == ["negative"] and not edited.labels[0]


def test_the_line_at_the_cursor_is_explained_after_its_label_and_only_once(edited: EditedText) -> None:
    edited.type("warmth and good\nbad acting")
    assert edited.classifier.asked[0] == ["warmth and good"]
    assert edited.classifier.explained == [("warmth and good", "positive")]
    explanation = edited.session.explanation(0)
    assert explanation is not None and explanation.label == "positive"
    assert edited.session.needs_computation(1) and not edited.session.needs_computation(0)
    edited.look(1)
    edited.look(0)
    assert edited.classifier.explained == [("warmth and good", "positive"), ("bad acting", "negative")]


def test_another_label_is_explained_until_the_cursor_leaves_the_line(edited: EditedText) -> None:
    edited.type("warmth and good\nbad acting")
    edited.session.explain(0, "negative")
    edited.look(0)
    explanation = edited.session.explanation(0)
    assert explanation is not None and explanation.label == edited.session.explained_label(0) == "negative"
    assert explanation.tokens[0].share < 0
    edited.type("warmth and bad\nbad acting")
    assert edited.session.explained_label(0) == "negative"
    edited.look(1)
    edited.look(0)
    assert edited.session.explained_label(0) == "positive"
    edited.session.explain(0, "positive")  # the best one again
    edited.type("bad and dull\nbad acting")
    assert edited.session.explained_label(0) == "negative"


def test_what_cannot_be_computed_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    edited = EditedText(tmp_path, FakeClassifier(fails="broken", unexplainable="good film"))
    long = "x" * (MAX_LINE_LENGTH + 1)
    edited.type(f"good film\nbroken\n{long}\nbad")
    assert edited.labels == ["positive", "", "", "negative"] and edited.errors == ["broken: overflow"]
    assert "overflow" in edited.session.status(1) and "10,001 characters" in edited.session.status(2)
    result = edited.session.result(0)
    assert result is not None and "too long" in result.unexplained and not edited.session.needs_computation(0)


def test_doubtful_lines_and_lines_of_a_label_are_found_in_turn(edited: EditedText) -> None:
    edited.type("warmth\nfine\nbad\nplain\n")
    session = edited.session
    assert [session.next_doubtful(at) for at in range(5)] == [1, 3, 3, 1, 1]
    assert session.next_with_label(0, "negative") == 2 and session.next_with_label(0, "none such") is None
    assert "2 doubtful (?)" in session.status(0)
    edited.type("warmth")
    assert session.next_doubtful(0) is None


def test_a_model_that_opens_ends_what_was_said_without_one(edited: EditedText) -> None:
    """While something is said, the tab opens the newest model whenever it is shown."""
    edited.session.problem = "no classifier is open"
    edited.session.set_model("one", edited.classifier)  # type: ignore[arg-type]
    assert edited.session.problem == ""


def test_a_stop_when_all_lines_have_labels_keeps_no_line_from_being_explained(edited: EditedText) -> None:
    edited.type("warmth\nbad")
    edited.session.stop()
    assert edited.session.needs_computation(1)


def test_a_stop_classifies_no_more_until_the_text_changes(edited: EditedText) -> None:
    edited.type("warmth\nbad", work=False)
    assert edited.session.is_computing
    edited.session.stop()
    assert edited.session.worker is not None and not edited.session.worker.work()
    assert "stopped" in edited.session.status(0) and not edited.session.is_computing
    edited.type("warmth\nbad\n")
    assert edited.labels == ["positive", "negative", ""]


def test_another_model_classifies_anew_and_the_first_ones_results_are_cached(edited: EditedText) -> None:
    edited.type("warmth")
    other, first = FakeClassifier(), edited.classifier
    for model, expected in ((other, [["warmth"]]), (first, [["warmth"]])):
        edited.session.set_model("two", model)  # type: ignore[arg-type]
        edited.look(0)
        assert model.asked == expected


def test_details_beyond_the_cache_size_are_computed_again_at_the_cursor(
    edited: EditedText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_worker, "MAX_DETAIL_BYTES", 2000)
    edited.type("\n".join(f"good {number}" for number in range(20)))
    assert edited.labels == ["positive"] * 20
    lost = next(at for at in range(20) if (result := edited.session.result(at)) and result.classification is None)
    edited.classifier.asked.clear()
    edited.look(lost)
    assert edited.classifier.asked == [[f"good {lost}"]] and edited.session.explanation(lost) is not None


def test_the_status_says_what_is_missing(tmp_path: Path) -> None:
    session = ClassificationSession("reviews", lambda: pytest.fail("no worker without a model"), lambda: tmp_path)
    assert session.status(0) == "reviews  opening …"
    session.compute(Viewport(0, 0, 1))
    session.problem = "no classifier yet"
    assert session.status(0) == "no classifier yet"
    session.set_model("reviews", FakeClassifier())  # type: ignore[arg-type]
    assert session.status(0) == "reviews · ready"


# Explanations.


def test_measures_that_a_model_does_not_have_are_passed_over(tmp_path: Path) -> None:
    edited = EditedText(tmp_path, FakeClassifier(attention=False, ngrams=False))
    edited.type("good film")
    titles = [measure and measure.title for _ in range(4) if (measure := edited.session.next_measure(0)) or True]
    assert titles == ["gradient × input", None, "share", "gradient × input"]
    edited.session.set_model("two", FakeClassifier())  # type: ignore[arg-type]
    edited.look(0)
    explanation = edited.session.explanation(0)
    assert explanation is not None and measures_of(explanation) == list(MEASURES)


def token(text: str, start: int, share: float) -> TokenShare:
    return TokenShare(text, start, start + len(text), share, share, 0.0, None)


def removal(word: str, start: int) -> Removal:
    return Removal(word, start, start + len(word), "positive", 0.5, False, 0.5)


def test_shares_are_summed_over_words_and_a_token_between_them_is_one_by_itself() -> None:
    tokens = [token("war", 0, 1.0), token("mth", 3, 0.5), token(",", 6, -0.1), token("no", 8, -2.0), token("t", 10, 1)]
    explanation = Explanation("positive", 0.4, tokens, [removal("not", 8), removal("warmth", 0)])
    words = word_shares(explanation, SHARE)
    assert [(word.text, word.value) for word in words] == [("warmth", 1.5), ("not", -1.0), (",", -0.1)]
    assert token_weights(tokens, SHARE) == [0.5, 0.25, -0.05, -1.0, 0.5]


def test_of_a_single_word_the_tokens_are_shown() -> None:
    explanation = Explanation("Russian", 0.4, [token("ov", 2, 0.5), token("Iv", 0, 0.1)], [removal("Ivov", 0)])
    assert [word.text for word in word_shares(explanation, SHARE)] == ["ov", "Iv"]
    assert word_shares(Explanation("Russian", 0.0, [], []), SHARE) == [] and token_weights([], SHARE) == []


# Files.


def test_results_are_saved_as_a_table_or_as_json_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    edited = EditedText(tmp_path)
    edited.type("a\twarmth\n\nbad")
    lines, results = edited.session.lines, edited.session.results
    assert save_results("labels", "one", lines, results) == Path("labels.tsv")
    assert Path("labels.tsv").read_text() == "a warmth\tpositive\t0.8808\n\t\t\nbad\tnegative\t0.8808\n"
    with pytest.raises(UnconfirmedError):
        save_results("labels.tsv", "one", lines, results)
    assert suggested_results_file("one") == Path("one-1.tsv")
    save_results("labels.jsonl", "one", lines, results)
    rows = [json.loads(row) for row in Path("labels.jsonl").read_text().splitlines()]
    assert rows[0] == {
        "text": "a\twarmth", "label": "positive", "probability": 0.8808,
        "labels": {"positive": 0.8808, "negative": 0.1192},
    }  # fmt: skip
    assert rows[1] == {"text": "", "label": None, "probability": None}


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.txt", "one\r\ntwo\n", "one\ntwo\n"),
        ("a.tsv", "a film\tpositive\nanother\tnegative\n", "a film\nanother\n"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\nGood\n\n", "Good"),
    ],
)
def test_files_to_classify(tmp_path: Path, name: str, content: str, text: str) -> None:
    (tmp_path / name).write_bytes(content.encode())
    opened = read_texts(str(tmp_path / name))
    assert opened.text == text and "translate" not in opened.note


def test_the_draft_is_saved_beside_the_name_of_its_model(edited: EditedText, tmp_path: Path) -> None:
    edited.type("warmth")
    job = edited.session.drafts.pending()
    assert job is not None and edited.session.drafts.autosave.write(job) == ""
    again = EditedText(tmp_path)
    last = again.session.drafts.read_last()
    assert last is not None and (last.text, last.run) == ("warmth", "one")
