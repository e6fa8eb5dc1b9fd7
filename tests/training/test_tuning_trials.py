"""Runs of trials: which are deleted, and which stay because somebody has a use for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_runs import make_run

from rnntui.config import Budget, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.errors import RunError
from rnntui.runs.folder import RunFolder
from rnntui.runs.management import write_note
from rnntui.runs.tuning_ledger import Trial, TuningFolder
from rnntui.text.corpus import find_corpus
from rnntui.training.prepare_language_model import LanguageModelRequest
from rnntui.training.tuning_trials import RunTrainer, open_template, publish_best

REQUEST = LanguageModelRequest(LanguageModelConfig(), TokenizerConfig(), LanguageModelTrainingConfig(), Budget(steps=2))


@pytest.fixture
def folder(tmp_path: Path) -> TuningFolder:
    """A search with the run of its third trial."""
    folder = TuningFolder(tmp_path / "book.tuning")
    make_run(folder.path, "trial-3")
    return folder


def drop(folder: TuningFolder) -> str:
    config = folder.trial_run(3).read_config()
    return RunTrainer(folder, config, REQUEST).drop(Trial(3, {}))


def test_the_run_of_a_trial_is_deleted_unless_it_holds_what_rnntui_did_not_write(folder: TuningFolder) -> None:
    run = folder.trial_run(3)
    notes = run.path / "notes.md"
    notes.write_text("mine")
    assert drop(folder) == "it holds files that do not belong to it: notes.md"
    assert notes.read_text() == "mine" and run.weights_file.exists()
    notes.unlink()
    write_note(run, "try more layers")
    assert drop(folder) == "it has a note: try more layers"
    write_note(run, "")
    with run.lock():
        assert drop(folder) == "run trial-3 is in training and cannot be deleted"
    config = run.read_config()
    for _ in range(2):
        assert RunTrainer(folder, config, REQUEST).drop(Trial(3, {})) == ""
    assert list(folder.path.iterdir()) == []


def test_a_run_that_somebody_trains_on_is_not_moved(folder: TuningFolder) -> None:
    with folder.trial_run(3).lock(), pytest.raises(RunError, match="run trial-3 is in training and cannot be moved"):
        publish_best(folder, Trial(3, {}))
    assert publish_best(folder, Trial(3, {})) == RunFolder(folder.path.with_name("book"))
    assert publish_best(folder, Trial(3, {})) is None


def test_the_remains_of_a_template_are_removed_but_for_other_files(folder: TuningFolder, tmp_path: Path) -> None:
    folder.trial_run(3).path.rename(folder.template.path)
    folder.template.config_file.unlink()
    (folder.template.path / "notes.md").write_text("mine")
    (tmp_path / "book.txt").write_text("one two three\n" * 200)
    corpus = find_corpus([str(tmp_path / "book.txt")])
    with pytest.raises(RunError, match=r"\.template holds files that do not belong to a run: notes\.md; move them"):
        open_template(folder, corpus, REQUEST, print)
    assert [path.name for path in folder.template.path.iterdir()] == ["notes.md"]
    (folder.template.path / "notes.md").unlink()
    assert open_template(folder, corpus, REQUEST, print).corpus.name == "book"
    assert folder.template.config_file.exists() and not folder.template.is_locked()
