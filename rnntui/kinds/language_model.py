"""Language models: trained on text, generate its continuation."""

from __future__ import annotations

from rnntui.config import TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.kinds.inputs import InputChoice, InputFiles
from rnntui.kinds.metrics import BITS_PER_CHARACTER
from rnntui.kinds.model_kind import ModelKind, Use

_TEXTS = (
    ".txt", ".md", ".gz", ".xz", ".bz2", ".zip", ".tar", ".tgz", ".txz", ".tbz2", ".html", ".docx", ".odt", ".epub",
)  # fmt: skip

LANGUAGE_MODEL = ModelKind(
    id="language-model",
    title="language model",
    abbreviation="LM",
    command="train",
    example="corpus.txt",
    use=Use("generate text with it", "sample", tab="chat"),
    model=LanguageModelConfig,
    tokenizer=TokenizerConfig,
    training=LanguageModelTrainingConfig,
    inputs=(
        InputFiles(
            "corpus",
            "text files, folders, globs, separated by spaces",
            many=True,
            endings=_TEXTS,
        ),
        InputFiles(
            "validation_text",
            "a text, folder or glob for validation, instead of a part of the corpus",
            endings=(".txt", ".md", ".gz", ".xz"),
            heading="Validation",
        ),
    ),
    input_choices=(
        InputChoice("corpus", missing="name a text file, a folder or a glob to learn from"),
        InputChoice("validation_text"),
    ),
    first_options=("cell", "layers", "hidden", "minutes"),
    primary_metric=BITS_PER_CHARACTER,
    corpus_info=TextCorpusInfo,
    memory_settings=("batch_size", "bptt", "hidden", "ngram_buckets"),
    task="rnntui.training.language_model_task:LanguageModelTask",
    loader="rnntui.inference.loaded_model:load_language_model",
    onnx_exporter="rnntui.exporting.onnx_language_model:LanguageModelExporter",
    evaluator="rnntui.cli.evaluate_texts:evaluate_texts",
    evaluate_options=("dynamic", "novelty"),
)
