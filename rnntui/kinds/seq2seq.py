"""Seq2Seq models: trained on pairs, translate a source into a target."""

from __future__ import annotations

from typing import Any

from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.kinds.inputs import InputChoice, InputFiles, ReadingOption, parse_columns
from rnntui.kinds.metrics import Metric
from rnntui.kinds.model_kind import ModelKind, Use
from rnntui.kinds.pair_corpus_info import PairCorpusInfo
from rnntui.kinds.samples import SampleField


def _score(key: str, title: str, label: str, short: str, **details: Any) -> Metric:
    """Return a metric of translations, 0 to 100, the higher the better."""
    return Metric(
        key, title, label, key, log_scale=False, marked=True, decimals=2, short=short, short_decimals=1,
        higher_is_better=True, perfect=100.0, **details,
    )  # fmt: skip


# Below these, a few lucky n-grams or one easy line decide: smoothing gives a useless model a BLEU of 0.1 or 0.5.
BLEU = _score("bleu", "BLEU", "BLEU", "BLEU", noise=1.0)
CHRF = _score("chrf", "chrF", "chrF", "chrF")
EXACT = _score("exact", "Exact matches", "exact matches", "exact", noise=1.0, unit="% of lines")

_TABLES = (".tsv", ".tab", ".csv", ".txt", ".tmx", ".jsonl", ".gz", ".xz", ".bz2", ".zip", ".tar", ".tgz")

COLUMNS = ReadingOption(
    "columns",
    "columns of source and target, by number or by header, as in 2,3 or en,es; languages of a TMX file "
    "[default: 1,2, or as detected]",
    "SOURCE,TARGET",
    parse_columns,
)

SEQ2SEQ = ModelKind(
    id="seq2seq",
    title="Seq2Seq model",
    abbreviation="S2S",
    command="train-seq2seq",
    example="pairs.tsv",
    use=Use("translate with it", "translate", tab="translate"),
    model=Seq2SeqConfig,
    tokenizer=Seq2SeqTokenizerConfig,
    training=Seq2SeqTrainingConfig,
    inputs=(
        InputFiles("pairs", "tables (TSV, CSV), TMX, or JSON lines", many=True, endings=_TABLES),
        InputFiles("source", "instead of a table: a file, one source per line"),
        InputFiles("target", "the file of their targets, line by line"),
        InputFiles(
            "validation_pairs",
            "pairs to validate on, instead of a part held out",
            endings=_TABLES,
            heading="Validation",
        ),
        InputFiles("validation_source", "instead of --validation-pairs: a file of sources", heading="Validation"),
        InputFiles("validation_target", "the file of their targets, line by line", heading="Validation"),
    ),
    input_choices=(
        InputChoice(
            "pairs",
            ("source", "target"),
            missing="name a table of pairs to learn from, or two files: sources and targets",
        ),
        InputChoice("validation_pairs", ("validation_source", "validation_target")),
    ),
    reading_options=(COLUMNS,),
    first_options=("tokenizer", "hidden", "minutes"),
    primary_metric=BLEU,
    memory_settings=("batch_size", "batch_tokens", "hidden"),
    metrics=(BLEU, CHRF, EXACT),
    corpus_info=PairCorpusInfo,
    sample_fields=(
        SampleField("source"),
        SampleField("translation", "→ ", "strong"),
        SampleField("reference", "reference: ", "weak"),
    ),
    task="rnntui.training.seq2seq_task:Seq2SeqTask",
    loader="rnntui.inference.translator:load_translator",
    onnx_exporter="rnntui.exporting.onnx_seq2seq:Seq2SeqExporter",
    evaluator="rnntui.cli.evaluate_pairs:evaluate_pairs",
    evaluate_options=("source", "target", "columns", "held_out", "save", "beam", "bleu_tokenizer"),
)
