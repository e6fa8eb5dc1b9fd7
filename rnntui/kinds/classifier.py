"""Classifiers: trained on labelled texts, give a text its label."""

from __future__ import annotations

from rnntui.config_classifier import ClassifierConfig, ClassifierTokenizerConfig, ClassifierTrainingConfig
from rnntui.kinds.inputs import InputChoice, InputFiles
from rnntui.kinds.labelled_corpus_info import LABEL_COLUMN, TEXT_COLUMN, LabelledCorpusInfo
from rnntui.kinds.metrics import Metric
from rnntui.kinds.model_kind import ModelKind, Use
from rnntui.kinds.samples import SampleField

NGRAM_SCALE = 5.0
"""Factor of a classifier's n-gram part; its weights stay small, as a text's values have a norm of 1 in each family."""


def _percentage(key: str, title: str, label: str, short: str) -> Metric:
    return Metric(
        key, title, label, key, log_scale=False, marked=True, decimals=2, short=short, short_decimals=1, unit="%",
        higher_is_better=True, perfect=100.0,
    )  # fmt: skip


ACCURACY = _percentage("accuracy", "Accuracy", "accuracy", "acc")
MACRO_F1 = _percentage("macro_f1", "Macro F1", "macro F1", "F1")

_TABLES = (".tsv", ".tab", ".csv", ".txt", ".jsonl", ".json", ".gz", ".xz", ".bz2", ".zip", ".tar", ".tgz")

CLASSIFIER = ModelKind(
    id="classifier",
    title="classifier",
    abbreviation="CLS",
    command="train-classifier",
    example="reviews.tsv",
    use=Use("classify texts with it", "classify", tab="classify"),
    model=ClassifierConfig,
    tokenizer=ClassifierTokenizerConfig,
    training=ClassifierTrainingConfig,
    inputs=(
        InputFiles(
            "texts",
            "tables (TSV, CSV), JSON lines, a folder per label",
            many=True,
            endings=_TABLES,
        ),
        InputFiles(
            "validation_texts",
            "labelled texts to validate on, instead of a part held out",
            endings=_TABLES,
            heading="Validation",
        ),
    ),
    input_choices=(
        InputChoice("texts", missing="name a table of labelled texts to learn from, or a folder for each label"),
        InputChoice("validation_texts"),
    ),
    reading_options=(LABEL_COLUMN, TEXT_COLUMN),
    first_options=("tokenizer", "hidden", "minutes"),
    primary_metric=ACCURACY,
    memory_settings=("batch_size", "max_text_tokens", "hidden"),
    metrics=(ACCURACY, MACRO_F1),
    corpus_info=LabelledCorpusInfo,
    loss_unit="nats a text",
    sample_fields=(
        SampleField("text"),
        SampleField("predicted", "→ ", "strong"),
        SampleField("label", "label: ", "weak"),
    ),
    task="rnntui.training.classifier_task:ClassifierTask",
    loader="rnntui.inference.classifier:load_classifier",
    onnx_exporter="rnntui.exporting.onnx_classifier:ClassifierExporter",
    evaluator="rnntui.cli.evaluate_labels:evaluate_labels",
    evaluate_options=("held_out", "save", "label_column", "text_column", "svg", "png"),
)
