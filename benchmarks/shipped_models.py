"""Figures of the shipped models: size, and loss or BLEU on the text that was held out when they were trained."""

from __future__ import annotations

import argparse
import math
import re
import tempfile
from pathlib import Path

from common import print_heading, print_table

from rnntui.config import FINAL_EVALUATION_FACTOR
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.config_seq2seq import BeamConfig
from rnntui.inference.loaded_model import read_tokenizer
from rnntui.inference.run_ngrams import read_ngram_model
from rnntui.models.language_model import LanguageModel
from rnntui.models.weight_arrays import load_best_weights
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import load_arrays
from rnntui.text.corpus import find_corpus
from rnntui.text.ngram_predictions import NgramPredictions
from rnntui.text.pairs import read_table
from rnntui.text.parallel_corpus import Pair
from rnntui.text.text_split import TextSplit
from rnntui.text.token_ids import corpus_stats
from rnntui.training.device import choose_hardware
from rnntui.training.evaluate_seq2seq import evaluate_seq2seq_run
from rnntui.training.evaluation import evaluate_streaming, evaluate_windowed
from rnntui.training.prepare_seq2seq import held_out_pairs

ROOT = Path(__file__).resolve().parent.parent
LANGUAGE_MODELS, TRANSLATOR = ("shakespeare", "chat"), "en-es"


def run_of(name: str) -> RunFolder:
    return RunFolder(ROOT / "checkpoints" / name)


def size_row(name: str) -> list[object]:
    """Name, parameters in millions, size of the folder in MB, and minutes of training by `status.json`."""
    arrays, _ = load_arrays(run_of(name).weights_file)
    size = sum(file.stat().st_size for file in run_of(name).path.rglob("*"))
    parameters = sum(array.size for array in arrays.values())
    minutes = run_of(name).read_status().seconds / 60
    return [name, f"{parameters / 1e6:.2f}", f"{size / 1e6:.2f}", f"{minutes:.0f}"]


def loss_row(name: str) -> list[object]:
    """Losses on the held-out end of the corpus, over as many tokens as the final evaluation of a training reads."""
    run = run_of(name)
    config = run.read_config()
    settings = config.training_as(LanguageModelTrainingConfig)
    tokenizer = read_tokenizer(run, config)
    corpus = find_corpus([str(ROOT / "corpora" / f"{name}.txt")])
    stats = corpus_stats(corpus)
    if stats.fingerprint != config.corpus.fingerprint:
        raise SystemExit(f"corpora/{name}.txt is not the text that {name} was trained on")
    hardware = choose_hardware("auto", "fp32", None)
    prior = read_ngram_model(run, config)
    predictions = None if prior is None else NgramPredictions(prior)
    model = LanguageModel(config.model_as(LanguageModelConfig), config.vocab_size, tokenizer.end_id, predictions)
    load_best_weights(model, run)
    model.to(hardware.device)
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "training.ids", Path(folder) / "validation.ids"
        _, held_out = TextSplit(corpus, stats, settings.validation_fraction).write(tokenizer, *paths)
        ids = held_out.read(paths[1])[: FINAL_EVALUATION_FACTOR * settings.eval_tokens + 1]
        per_token = held_out.characters / held_out.tokens
        carried = evaluate_streaming(model, ids, config.vocab_size, hardware, per_token)
        reset = evaluate_windowed(model, ids, config.vocab_size, hardware, per_token)
    read = f"{carried.tokens:,} of {held_out.tokens:,}"
    return [name, read, f"{carried.loss:.4f}", f"{reset.loss:.4f}", f"{carried.bits_per_character:.4f}"]


def words(sentence: str) -> tuple[str, ...]:
    """The words of a sentence, without case and punctuation."""
    return tuple(re.findall(r"\w+", sentence.casefold()))


def gapped(sentence: tuple[str, ...]) -> set[tuple[str, ...]]:
    """The sentence with each of its words replaced by a gap: equal for two sentences that differ in one word."""
    return {(*sentence[:i], "", *sentence[i + 1 :]) for i in range(len(sentence))}


def one_word_away(held_out: list[Pair], training: list[Pair]) -> float:
    """The fraction of held-out sources that become a training source by changing, adding or removing one word."""
    seen = {words(pair.source) for pair in training}
    patterns = {pattern for sentence in seen for pattern in gapped(sentence)}
    shortened = {tuple(word for word in pattern if word) for pattern in patterns}

    def is_near(sentence: tuple[str, ...]) -> bool:
        own = gapped(sentence)
        without = {tuple(word for word in pattern if word) for pattern in own}
        return not own.isdisjoint(patterns) or sentence in shortened or not without.isdisjoint(seen)

    return sum(is_near(words(pair.source)) for pair in held_out) / len(held_out)


def translator_row() -> list[object]:
    """Loss, BLEU and chrF on the held-out pairs, and how many of those resemble a training pair."""
    run = run_of(TRANSLATOR)
    pairs = read_table(find_corpus([str(ROOT / "corpora" / "en-es.tsv")]))
    held_out = held_out_pairs(run, pairs)
    rows = {pair.row for pair in held_out.rows}
    near = one_word_away(held_out.rows, [pair for pair in pairs.rows if pair.row not in rows])
    evaluation, scores, _ = evaluate_seq2seq_run(run, held_out, BeamConfig())
    return [
        TRANSLATOR, f"{len(held_out.rows):,}", f"{evaluation.loss:.4f}", f"{math.exp(evaluation.loss):.2f}",
        f"{scores.bleu:.2f}", f"{scores.chrf:.2f}", f"{near:.2f}",
    ]  # fmt: skip


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    print_heading("shipped models", "fp32")
    names = (*LANGUAGE_MODELS, TRANSLATOR)
    sizes = [size_row(name) for name in names]
    print_table("size", ["model", "million parameters", "folder, MB", "trained, minutes"], sizes)
    columns = ["model", "tokens predicted, of those held out", "streaming", "windowed", "bits per character"]
    print_table("loss on held-out text, nats a token", columns, [loss_row(name) for name in LANGUAGE_MODELS])
    columns = ["model", "pairs", "loss", "perplexity", "BLEU", "chrF", "one word from training"]
    print_table("held-out pairs, beam 5", columns, [translator_row()])


if __name__ == "__main__":
    main()
