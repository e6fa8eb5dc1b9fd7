"""Runs of format 1, made by the version before the renames, still open, resume and finish."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rnntui.cli.main import run
from rnntui.config_language_model import LanguageModelTrainingConfig
from rnntui.config_seq2seq import BeamConfig, Seq2SeqTrainingConfig
from rnntui.inference.translator import load_translator
from rnntui.kinds.pair_corpus_info import PairCorpusInfo
from rnntui.runs.folder import RunFolder
from rnntui.runs.format_1 import upgrade_config, upgrade_weight_name
from rnntui.runs.metrics_log import read_metrics
from rnntui.runs.run_config import FORMAT
from rnntui.runs.weights_file import load_arrays

FORMAT_1 = Path(__file__).parents[1] / "data" / "format_1"


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """A copy of the folder of runs: a test may train them on."""
    return Path(shutil.copytree(FORMAT_1, tmp_path / "checkpoints"))


def test_settings_have_their_values_under_the_new_names() -> None:
    config = RunFolder(FORMAT_1 / "language-model").read_config()
    training = config.training_as(LanguageModelTrainingConfig)
    assert (training.clip_grad_norm, training.state_reset_prob, training.validation_fraction) == (0.9, 0.02, 0.12)
    assert config.tokenizer.type == "char" and config.model.cell == "gru"
    config = RunFolder(FORMAT_1 / "seq2seq").read_config()
    pairs = config.training_as(Seq2SeqTrainingConfig)
    assert (pairs.bucket_batches, pairs.max_pair_tokens, pairs.selection_metric) == (3, 60, "loss")
    corpus = config.corpus_as(PairCorpusInfo)
    assert corpus.limits is not None and corpus.limits.target == 60
    assert corpus.lengths is not None and corpus.pairs == (388, 12)


@pytest.mark.parametrize("name", ["language-model", "seq2seq", "seq2seq-separate"])
def test_a_config_written_again_is_of_the_present_format(name: str, checkpoints: Path) -> None:
    folder = RunFolder(checkpoints / name)
    config = folder.read_config()
    folder.write_config(config)
    values = json.loads(folder.config_file.read_text())
    assert values["format"] == FORMAT and folder.read_config() == config
    assert not {"clip", "reset", "pool", "longest", "select", "validation"} & set(values["training"])


def test_weights_have_the_models_names() -> None:
    arrays, _ = load_arrays(FORMAT_1 / "seq2seq" / "model.safetensors")
    assert {name for name in arrays if name.startswith("encoder.forward_rnn.")}
    assert not {name for name in arrays if ".ahead" in name or ".back." in name}
    assert upgrade_weight_name("optimizer.encoder.back.0.weight_hh_l0.exp_avg") == (
        "optimizer.encoder.backward_rnn.0.weight_hh_l0.exp_avg"
    )
    for name in ("encoder.forward_rnn.0.bias_hh_l0", "embedding.weight", "encoder.backward.x", "myencoder.ahead.0"):
        assert upgrade_weight_name(name) == name


def test_they_answer_as_they_did(capsys: pytest.CaptureFixture[str]) -> None:
    # The answers of the version that made them.
    options = ["--temperature", "0", "-n", "40", "--prompt", ""]
    assert run(["sample", "--run", "language-model", "--checkpoints", str(FORMAT_1), *options]) == 0
    assert capsys.readouterr().out.strip() == "aareaaareaaareaaareaaareaaareaaareaaarea"
    one = load_translator(RunFolder(FORMAT_1 / "seq2seq"))
    separate = load_translator(RunFolder(FORMAT_1 / "seq2seq-separate"))
    assert [translation.text for translation in one.translate(["I work.", "Good job"], BeamConfig())] == [
        "uuuuuuuuuuuuuLuuuuuuuuuuuuuL", "lllpllllllllllllplllllllllll",
    ]  # fmt: skip
    assert separate.translate(["I work."], BeamConfig())[0].text == "qqqqqqqqqqqqquuuuuueHqqqqqqQ"


@pytest.mark.parametrize(
    ("command", "name", "steps"), [("train", "language-model", 90), ("train-seq2seq", "seq2seq", 90)]
)
def test_they_resume_and_finish(command: str, name: str, steps: int, checkpoints: Path) -> None:
    folder = RunFolder(checkpoints / name)
    before = folder.read_status()
    assert before.state == "stopped" and before.step < steps
    logged = [row["step"] for row in read_metrics(folder.metrics_file)]
    assert run([command, "--resume", "--name", name, "--checkpoints", str(checkpoints)]) == 0
    after = folder.read_status()
    assert after.state == "done" and after.step == steps
    assert [row["step"] for row in read_metrics(folder.metrics_file)][: len(logged)] == logged, "no row is lost"
    assert after.validation_loss is not None and before.validation_loss is not None
    assert after.validation_loss < before.validation_loss


def test_what_is_malformed_stays_malformed() -> None:
    assert upgrade_config({"format": 1, "training": [], "tokenizer": 3}) == {
        "format": 1, "training": [], "tokenizer": 3, "corpus": None,
    }  # fmt: skip
