"""Evaluation of a Seq2Seq run on pairs."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from rnntui.config_seq2seq import BeamConfig, Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.inference.translator import load_translator, read_known_words, read_vocabularies
from rnntui.models.seq2seq import Seq2Seq
from rnntui.models.weight_arrays import load_best_weights
from rnntui.processors import usable_cpus
from rnntui.runs.checksums import read_checked_config
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.text.pair_ids import PairDataset, encode_pairs, write_pairs
from rnntui.text.pair_preprocessing import model_form
from rnntui.text.parallel_corpus import ParallelCorpus, count_target_characters
from rnntui.text.vocabulary import Vocabulary
from rnntui.training.bleu import TranslationScores, require_bleu_tokenizer, score_translations
from rnntui.training.device import choose_hardware, max_threads
from rnntui.training.evaluation import UNMONITORED, Evaluation, EvaluationMonitor
from rnntui.training.metric_choice import choose_bleu_tokenizer
from rnntui.training.self_check import check_kernels
from rnntui.training.seq2seq_task import LOSS_FRACTION, evaluate_pairs
from rnntui.training.step_memory import require_weights_fit


def evaluate_seq2seq_run(
    run: RunFolder,
    pairs: ParallelCorpus,
    settings: BeamConfig,
    bleu_tokenizer: str | None = None,
    threads: int | None = None,
    monitor: EvaluationMonitor = UNMONITORED,
) -> tuple[Evaluation, TranslationScores, list[str]]:
    """Evaluate a run's best weights on pairs.

    Args:
        run: The run to evaluate.
        pairs: The pairs; all of them are read.
        settings: The beam search that translates the sources.
        bleu_tokenizer: sacrebleu's name of the tokenizer of BLEU, or "auto" for one that fits the script of the
            targets; None for that of the run's own evaluations.
        threads: Number of CPU threads; None finds the fastest number while it runs.
        monitor: Receives the fraction that is done.

    Returns the teacher-forced loss, the scores of the translations against the targets, and the characters that the
    vocabularies lack. Raises `RunError` if the run is broken or of another kind, `UsageError` if a library that the
    tokenizer needs is missing, `TrainingError` if torch computes wrong numbers on this machine.
    """
    config = read_checked_config(run)
    rows = pairs.rows
    targets = [pair.target for pair in rows]
    tokenizer = bleu_tokenizer or config.training_as(Seq2SeqTrainingConfig).resolved_bleu_tokenizer
    if tokenizer == "auto":
        tokenizer = choose_bleu_tokenizer(targets)
    require_bleu_tokenizer(tokenizer)
    source, target = read_vocabularies(run, config)
    hardware = choose_hardware("auto", "fp32", threads)
    check_kernels(config.model, hardware, (max_threads(threads),))
    model = load_torch_seq2seq(run, config, (source, target)).to(hardware.device)
    with tempfile.TemporaryDirectory(prefix="rnntui-") as folder:
        path = Path(folder) / "pairs.ids"
        forms = list(model_form(rows, config.tokenizer_as(Seq2SeqTokenizerConfig), read_known_words(run, config)))
        encoded = encode_pairs(forms, source, target)
        token_file = write_pairs(path, encoded, count_target_characters(rows), max(source.size, target.size) - 1)
        dataset = PairDataset(token_file, path)
        evaluation = evaluate_pairs(model, dataset, token_file.tokens, hardware, monitor.part(0.0, LOSS_FRACTION))
    sources = [pair.source for pair in rows]
    translations = load_translator(run).translate(
        sources,
        settings,
        resolve_ties=False,
        workers=threads or usable_cpus(),
        on_progress=monitor.part(LOSS_FRACTION, 1.0).report,
    )
    scores = score_translations([translation.text for translation in translations], targets, tokenizer)
    unknown = source.unknown_characters("".join(pair.source for pair in forms))
    unknown += target.unknown_characters("".join(pair.target for pair in forms))
    return evaluation, scores, list(dict.fromkeys(unknown))


def load_torch_seq2seq(run: RunFolder, config: RunConfig, vocabularies: tuple[Vocabulary, Vocabulary]) -> Seq2Seq:
    """Return the Seq2Seq model of a run with its best weights; nothing is drawn from torch's random generator.

    Raises `RunError` if the run is broken.
    """
    require_weights_fit(run, config)
    source, target = vocabularies
    with torch.random.fork_rng(devices=[]):
        model = Seq2Seq(config.model_as(Seq2SeqConfig), source.size, target.size, source is target)
    load_best_weights(model, run)
    return model
