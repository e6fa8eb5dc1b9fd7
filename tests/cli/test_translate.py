"""`rnntui train-seq2seq`, `translate` and `evaluate` on pairs, as a user types them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pair_runs import copy_rows, table

from rnntui.cli.main import run
from rnntui.cli.progress import describe
from rnntui.cli.train_seq2seq import command
from rnntui.config import Budget
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.kinds.pair_corpus_info import PairCorpusInfo, PairLengths
from rnntui.runs.folder import RunFolder
from rnntui.settings import flag_of, settings_of
from rnntui.training.events import Evaluated

QUICK = [
    "--hidden", "32", "--encoder-hidden", "16", "--embedding", "16", "--dropout", "0", "--tokenizer", "char",
    "--learning-rate", "0.01", "--eval-tokens", "256", "--bleu-pairs", "8", "--warmup", "5", "--batch-size", "16",
]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `pairs.tsv` and, under `checkpoints`, the run `copy` trained a little on it."""
    folder = tmp_path_factory.mktemp("pairs")
    pairs = table(folder / "pairs.tsv", copy_rows(600))
    arguments = ["train-seq2seq", str(pairs), "--checkpoints", str(folder / "checkpoints"), "--name", "copy", *QUICK]
    assert run([*arguments, "--steps", "150"]) == 0
    return folder


@pytest.fixture
def translate(rnntui, trained: Path):
    def call(*arguments: str, stdin: bytes = b""):
        return rnntui("translate", "--checkpoints", trained / "checkpoints", *arguments, stdin=stdin)

    return call


def test_training_reports_bleu_and_suggests_the_next_command(rnntui, tmp_path: Path) -> None:
    pairs = table(tmp_path / "pairs.tsv", [*copy_rows(80), ("lonely", "")])
    result = rnntui("train-seq2seq", pairs, *QUICK, "--steps", "6")
    assert result.code == 0 and result.out == "" and "\x1b" not in result.err
    assert "BLEU" in result.err and "rnntui translate --run checkpoints/pairs" in result.err
    assert "left out row 81 of" in result.err and "target is empty" in result.err
    assert rnntui("train-seq2seq", "--resume", "--steps", "9").code == 0
    refused = rnntui("train-seq2seq", "--resume", "--name", "pairs", "--hidden", "8")
    assert refused.code == 2 and "--hidden cannot change" in refused.err
    assert "rnntui train-seq2seq --resume --name pairs" in rnntui("train", "--resume", "--name", "pairs").err
    listed = json.loads(rnntui("runs", "--json").out.splitlines()[0])
    assert (listed["name"], listed["size"], listed["state"]) == ("pairs", "1×32", "done")
    assert listed["kind"] == "seq2seq" and 0 <= listed["bleu"] <= 100 and " BLEU " in rnntui("runs").out


@pytest.mark.parametrize(
    ("select", "told"),
    [
        ("bleu", "(BLEU stayed at 0.00, and the validation loss stopped falling)"),
        ("auto", "(exact matches stayed at 0.00, and the validation loss stopped falling)"),
        ("loss", "(the validation loss stopped falling)"),
    ],
)
def test_an_early_stop_names_the_metric_that_stopped_improving(rnntui, tmp_path: Path, select: str, told: str) -> None:
    pairs = table(tmp_path / "pairs.tsv", copy_rows(80))
    settings = [
        "--steps",
        "40",
        "--evaluations",
        "20",
        "--patience",
        "1",
        "--learning-rate",
        "0",
        "--selection-metric",
        select,
    ]
    result = rnntui("train-seq2seq", pairs, *QUICK, *settings)
    assert result.code == 0 and told in result.err


def test_the_metrics_of_a_run_are_chosen_once_and_recorded(rnntui, tmp_path: Path) -> None:
    signs = "零一二三四五六七八九"
    rows = [(str(n), "".join(signs[int(digit)] for digit in str(n))) for n in range(10_000, 10_060)]
    pairs = table(tmp_path / "pairs.tsv", rows)
    result = rnntui("train-seq2seq", pairs, *QUICK, "--steps", "4")
    assert "run pairs selects weights by BLEU; BLEU tokenizer zh\n" in result.err
    assert "validation loss: teacher-forced " in result.err and "exact matches 0.00" in result.err
    training = json.loads(Path("checkpoints/pairs/config.json").read_text())["training"]
    assert (training["selection_metric"], training["bleu_tokenizer"]) == ("bleu", "zh")
    resume = ["train-seq2seq", "--resume", "--name", "pairs", "--steps", "6"]
    refused = rnntui(*resume, "--bleu-tokenizer", "char")
    assert (
        refused.code == 2 and "--bleu-tokenizer cannot change" in refused.err and "(it is zh, got char)" in refused.err
    )
    assert rnntui(*resume, "--bleu-tokenizer", "auto", "--selection-metric", "auto").code == 0
    evaluate = ["evaluate", pairs, "--run", "pairs", "--beam", "1", "--json"]
    for flags, tokenizer in (([], "zh"), (["--bleu-tokenizer", "char"], "char"), (["--bleu-tokenizer", "auto"], "zh")):
        assert f"tok:{tokenizer}|" in json.loads(rnntui(*evaluate, *flags).out)["bleu_signature"]
    assert "tok:zh|" not in rnntui("evaluate", pairs, "--run", "en-es", "--beam", "1", "--json").out  # 13a
    missing = rnntui(*evaluate, "--bleu-tokenizer", "ko-mecab")
    assert missing.code == 2 and "rnntui: --bleu-tokenizer ko-mecab needs" in missing.err and missing.out == ""
    text = rnntui("evaluate", pairs, "--run", "shakespeare", "--bleu-tokenizer", "zh")
    assert text.code == 2 and "--bleu-tokenizer is for Seq2Seq models" in text.err


def test_a_line_of_an_evaluation_fits_80_columns(tmp_path: Path) -> None:
    scores = {"bleu": 99.99, "chrf": 99.99, "exact": 100.0}
    event = Evaluated(12_345, 3.1234, 3.1234, 2.0, True, {}, scores)
    (line,) = describe(event, RunFolder(tmp_path))
    assert line == "step 12,345  train 3.1234  val 3.1234  BLEU 100.0  chrF 100.0  exact 100.0  best"
    assert len(line) <= 80


def test_curves_of_bleu_note_a_run_without_it(rnntui, trained: Path) -> None:
    folder = trained / "checkpoints"
    drawn = rnntui("curves", "--checkpoints", folder, "--metric", "bleu", "--metric", "chrf")  # the newest run
    assert drawn.code == 0 and "BLEU of copy" in drawn.out and "chrF of copy" in drawn.out and drawn.err == ""
    shown = rnntui("curves", "--checkpoints", folder, "--metric", "bleu", "copy", "shakespeare")
    assert shown.code == 0 and "● copy" in shown.out and shown.err == "rnntui: run shakespeare has no bleu\n"
    assert "bleu, chrf and exact" in " ".join(rnntui("curves", "--help").out.split())


def test_training_from_two_files_with_a_published_split(rnntui, tmp_path: Path) -> None:
    for name, rows in (("train", copy_rows(60)), ("val", copy_rows(9, seed=5))):
        for column, language in enumerate(("en", "es")):
            (tmp_path / f"{name}.{language}").write_text("".join(f"{row[column]}\n" for row in rows))
    files = ["--source", "train.en", "--target", "train.es", "--validation-source", "val.en"]
    result = rnntui("train-seq2seq", *files, "--validation-target", "val.es", *QUICK, "--steps", "4", "--name", "two")
    assert result.code == 0, result.err
    assert json.loads(Path("checkpoints/two/config.json").read_text())["corpus"]["pairs"] == [60, 9]
    assert "go together" in rnntui("train-seq2seq", *files).err


def test_lines_are_translated_line_by_line_and_blank_stays_blank(translate) -> None:
    result = translate(stdin=b"abc\n\n   \nhgfe\n")
    assert result.code == 0
    lines = result.out.split("\n")
    assert len(lines) == 5 and lines[1] == lines[2] == lines[4] == "" and lines[0] and lines[3]
    assert translate("abc").out + "\n\n" + translate("hgfe").out == result.out


def test_the_shipped_model_keeps_markup_and_variables(rnntui) -> None:
    lines = {
        "<b>Hello</b>, my friend.": "<b>Hola</b>, mi amigo.",
        "<p>I like <i>this</i> book.</p>": "<p>Me gusta <i>este</i> libro.</p>",
        'It is <a href="x">here</a>.<br/>I am tired.': r"\w+ <a href=\"x\">aquí</a>\.<br/>Estoy cansad[oa]\.",
        "You have %(count)d messages from {user}.": r"Tienes %\(count\)d mensajes de \{user\}\.",
        "I don&#39;t know.": "No lo sé|No sé",
    }
    result = rnntui("translate", "--run", "en-es", stdin="\n".join(lines).encode())
    for expected, translation in zip(lines.values(), result.out.splitlines(), strict=True):
        assert re.match(expected, translation)


def test_n_best_and_json(translate) -> None:
    block = translate("--n-best", "3", "abcd").out.split("\n")
    assert len(block) == 5 and block[3:] == ["", ""] and len(set(block[:3])) == 3
    lines = [json.loads(line) for line in translate("--json", "--n-best", "2", stdin=b"abcd\n\n").out.splitlines()]
    assert lines[1]["hypotheses"] == [] and lines[1]["translation"] == ""
    assert lines[0]["source_tokens"] == ["a", "b", "c", "d", "</s>"]
    best, second = lines[0]["hypotheses"]
    assert best["score"] >= second["score"] and best["text"] == lines[0]["translation"] == block[0]
    assert len(best["attention"]) == len(best["tokens"]) and all(len(row) == 5 for row in best["attention"])
    assert translate("--n-best", "6", "x").code == 2


def test_unusual_lines_are_translated_or_warned_about(translate) -> None:
    long_line = " ".join(["abc"] * 5000).encode()
    result = translate("--beam", "2", stdin="a\U0001f600\U0001f600\nabc\n".encode() + long_line + b"\n")
    assert result.code == 0 and result.out.count("\n") == 3
    assert "line 1: '\U0001f600' not in the vocabulary" in result.err
    assert "line 3 has 4,999 tokens" in result.err and "sentence by sentence" in result.err


def test_lines_before_one_of_another_encoding_are_translated(translate) -> None:
    good = translate(stdin=b"abc\nfg\n").out
    lines = b"abc\nfg\n\xe4b\nabc\n"
    bad = translate(stdin=lines)
    assert bad.code == 1 and bad.out == good
    assert "line 3 of standard input is not utf-8 at byte 0 of the line; name its --encoding" in bad.err
    for way in (("--errors", "replace"), ("--encoding", "latin-1")):
        assert translate(*way, stdin=lines).out.count("\n") == 4
    assert translate("--encoding", "utf-16", stdin="abc\nfg\n".encode("utf-16")).out == good
    assert translate("--encoding", "no-such", stdin=b"a\n").code == 2


def test_unicode_forms_of_a_source_are_equivalent(translate) -> None:
    plain = translate(stdin=b"abc de\n").out
    for other in ("\ufeffabc de\n", "abc\u00a0de\n", "a\u00adbc\tde \r\n"):
        assert translate(stdin=other.encode()).out == plain


def test_translations_do_not_depend_on_the_batch(translate) -> None:
    lines = [text for text, _ in copy_rows(60, seed=5)]
    together = translate(stdin="".join(f"{line}\n" for line in lines).encode()).out.splitlines()
    assert together == [translate(line).out.removesuffix("\n") for line in lines]


def test_each_translation_is_flushed_before_the_next_line_is_read(trained: Path) -> None:
    command = [sys.executable, "-m", "rnntui", "translate", "--checkpoints", str(trained / "checkpoints")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        for line in (b"abc\n", b"\n", b"gh\n"):
            process.stdin.write(line)
            process.stdin.flush()
            assert process.stdout.readline().endswith(b"\n")  # else it waits for ever
        process.stdin.close()
        assert process.wait() == 0


def test_evaluate_reads_the_kind_from_the_run(rnntui, trained: Path) -> None:
    where = ["--run", "copy", "--checkpoints", trained / "checkpoints"]
    result = rnntui("evaluate", trained / "pairs.tsv", *where, "--beam", "2")
    assert result.code == 0, result.err
    assert "BLEU" in result.out and "tok:13a" in result.out and "chrF" in result.out and "perplexity" in result.out
    assert "exact matches" in result.out and "100% of the targets have fewer" in result.err
    values = json.loads(rnntui("evaluate", trained / "pairs.tsv", *where, "--beam", "1", "--json").out)
    assert values.keys() >= {
        "loss",
        "perplexity",
        "bleu",
        "chrf",
        "exact",
        "bleu_signature",
        "chrf_signature",
        "tokens",
    }
    assert values["pairs"] == 600 and values["beam"] == 1 and values["loss"] > 0
    assert "name pairs to evaluate on" in rnntui("evaluate", *where).err


def test_held_out_pairs_can_be_evaluated_and_saved(rnntui, trained: Path) -> None:
    folder = trained / "checkpoints"
    where = ["--run", "copy", "--checkpoints", folder, "--json"]
    result = rnntui("evaluate", trained / "pairs.tsv", *where, "--held-out", "--save", "held.tsv")
    assert result.code == 0 and "evaluating on 18 of 600 pairs" in result.err
    values = json.loads(result.out)
    assert (values["pairs"], values["held_out"]) == (18, True)
    final = json.loads((folder / "copy" / "status.json").read_text())["results"]
    assert values["loss"] == pytest.approx(final["teacher_forced"], rel=1e-5)
    assert values["bleu"] == pytest.approx(final["bleu"])
    rows = [line.split("\t") for line in Path("held.tsv").read_text().splitlines()]
    table = (trained / "pairs.tsv").read_text().splitlines()
    assert all(f"{source}\t{target}" == table[int(row.rsplit(" ")[-1]) - 1] for source, target, row in rows)
    again = json.loads(rnntui("evaluate", "held.tsv", *where).out)
    assert {**again, "text": 0, "held_out": 0} == {**values, "text": 0, "held_out": 0}
    refused = rnntui("evaluate", "held.tsv", *where, "--save", "held.tsv")
    assert refused.code == 2 and "the file exists" in refused.err


def test_pairs_not_known_to_be_held_out_are_refused(rnntui, trained: Path, tmp_path: Path) -> None:
    run_folder = tmp_path / "checkpoints" / "copy"
    shutil.copytree(trained / "checkpoints" / "copy", run_folder, ignore=shutil.ignore_patterns("resume"))
    config = json.loads((run_folder / "config.json").read_text())

    def refusal(file: Path, **changes: object) -> str:
        changed = {**config, "corpus": {**config["corpus"], **changes}}
        (run_folder / "config.json").write_text(json.dumps(changed))
        result = rnntui("evaluate", file, "--run", "copy", "--held-out", "--save", "held.tsv")
        assert result.code == 1 and result.err.count("\n") == 1 and not Path("held.tsv").exists()
        return result.err

    ours = trained / "pairs.tsv"
    others = table(tmp_path / "others.tsv", copy_rows(60, seed=9))
    assert "not the pairs that run copy was created from" in refusal(others)
    assert "has no held-out pairs: its validation set was val.tsv;" in refusal(ours, validation_sources=["val.tsv"])
    assert "splits these pairs differently from the version that created run copy" in refusal(ours, pairs=[581, 19])
    assert "splits these pairs differently from the version that created run copy" in refusal(ours, validation=None)
    assert "--held-out is for Seq2Seq models" in rnntui("evaluate", ours, "--run", "shakespeare", "--held-out").err


def test_commands_refuse_runs_of_another_kind(rnntui, trained: Path) -> None:
    folder = trained / "checkpoints"
    other = rnntui("translate", "--run", "shakespeare", "Go.")
    assert other.code == 2 and "generate text with it: rnntui sample --run shakespeare" in other.err
    other = rnntui("sample", "--run", "copy", "--checkpoints", folder)
    assert other.code == 2 and "translate with it: rnntui translate --run copy" in other.err
    assert rnntui("sample", "--checkpoints", folder, "-n", "3").code == 0, (
        "the newest language model, not the newest run"
    )
    assert (
        "--beam is for Seq2Seq models"
        in rnntui("evaluate", trained / "pairs.tsv", "--run", "shakespeare", "--beam", "3").err
    )
    measured = rnntui("evaluate", trained / "pairs.tsv", "--held-out", "--json", "--checkpoints", folder)
    assert json.loads(measured.out)["run"] == "copy", "what only a Seq2Seq run has, asks for one"


def test_resuming_refuses_changed_settings_and_data(rnntui, tmp_path: Path) -> None:
    pairs, others = table(tmp_path / "pairs.tsv", copy_rows(80)), table(tmp_path / "others.tsv", copy_rows(9, seed=3))
    train = ("train-seq2seq", pairs, "--name", "r", *QUICK)
    assert rnntui(*train, "--validation-pairs", others, "--minutes", "0.02").code == 0
    again = ("train-seq2seq", "--resume", "--name", "r")
    assert "validation set cannot change" in rnntui(*again, "--validation-pairs", pairs, "--steps", "999").err
    status = RunFolder(tmp_path / "checkpoints" / "r").read_status()
    spent = rnntui(*again, "--minutes", "0.01")
    assert spent.code == 1 and "is done" in spent.err and "--resume --minutes" in spent.err
    assert RunFolder(tmp_path / "checkpoints" / "r").read_status() == status
    more = ("--validation-pairs", others, "--steps", str(status.step + 3))
    assert rnntui(*again, *more).code == 0
    assert "not both" in rnntui(*train, "--batch-tokens", "80").err


def test_resuming_restores_missing_best_weights(rnntui, tmp_path: Path) -> None:
    pairs = table(tmp_path / "pairs.tsv", copy_rows(80))
    assert rnntui("train-seq2seq", pairs, "--name", "r", *QUICK, "--steps", "4", "--learning-rate", "0").code == 0
    weights = RunFolder(tmp_path / "checkpoints" / "r").weights_file
    rows = RunFolder(tmp_path / "checkpoints" / "r").metrics_file.read_text().splitlines()
    weights.write_bytes(weights.read_bytes()[:1000])
    assert rnntui("train-seq2seq", "--resume", "--name", "r", "--steps", "8").code == 0
    assert rnntui("translate", "--run", "r", "abc").code == 0
    assert RunFolder(tmp_path / "checkpoints" / "r").metrics_file.read_text().splitlines()[: len(rows) - 1] == rows[:-1]


def test_a_broken_run_is_reported_as_broken_also_with_pair_flags(rnntui, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "checkpoints" / "copy", tmp_path / "r")
    (tmp_path / "r" / "config.json").write_text("{")
    result = rnntui("evaluate", trained / "pairs.tsv", "--run", tmp_path / "r", "--beam", "2")
    assert result.code == 1 and "is not JSON" in result.err


def test_an_overlong_row_is_dropped_from_held_out_pairs_too(rnntui, tmp_path: Path) -> None:
    pairs = table(tmp_path / "pairs.tsv", [*copy_rows(80), ("a" * 3000, "b" * 3000)])
    for seed in ("1", "2", "3", "4", "5", "6"):
        result = rnntui(
            "train-seq2seq",
            pairs,
            "--name",
            f"r{seed}",
            *QUICK,
            "--steps",
            "1",
            "--seed",
            seed,
            "--validation-fraction",
            "0.4",
        )
        assert result.code == 0 and "left out row 81" in result.err
        found = rnntui("evaluate", pairs, "--run", f"r{seed}", "--held-out", "--json")
        config = RunFolder(tmp_path / "checkpoints" / f"r{seed}").read_config()
        assert json.loads(found.out)["pairs"] == config.corpus.pairs[1]


def test_training_works_with_a_closed_standard_error(trained: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m rnntui translate --run {trained / 'checkpoints' / 'copy'} --beam 99 abc 2>&-"
    result = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False, cwd=tmp_path)
    assert result.returncode == 2 and result.stdout == b"", "standard output carries data alone"


def test_inconsistent_settings_of_a_run_are_reported(rnntui, trained: Path, tmp_path: Path) -> None:
    run_folder = tmp_path / "checkpoints" / "copy"
    shutil.copytree(trained / "checkpoints" / "copy", run_folder)
    config = json.loads((run_folder / "config.json").read_text())
    changed = {**config, "model": {**config["model"], "attention": "dot", "encoder_hidden": 20}}
    (run_folder / "config.json").write_text(json.dumps(changed))
    for checksums in ("checksums.json", "resume/copy-checksums.json"):
        (run_folder / checksums).unlink()
    for arguments in (["translate", "abc"], ["evaluate", trained / "pairs.tsv"]):
        result = rnntui(*arguments, "--run", "copy")
        assert result.code == 1 and "config.json is invalid: --attention dot needs" in result.err


HUGE = 10**30


@pytest.mark.parametrize("lengths", [(HUGE, 9, 9), (9, HUGE, HUGE), (9, -1, 9), (True, 9, 9), (9, 9.5, 9), ("9", 9, 9)])
def test_impossible_length_limits_of_a_run_are_ignored(trained: Path, lengths: tuple) -> None:
    config = RunFolder(trained / "checkpoints" / "copy").read_config()
    assert config.corpus_as(PairCorpusInfo).lengths == PairLengths(8, 8, -3)
    said = dict(zip(("source", "target", "beyond"), lengths, strict=True))
    assert PairLengths.from_json(said) is None


def test_without_a_run_translate_suggests_how_to_train_one(rnntui, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.runs.lookup.SHIPPED", ())
    result = rnntui("translate", "Go.")
    assert result.code == 1 and "rnntui train-seq2seq pairs.tsv" in result.err


BAD = [
    ([], "name a table of pairs"),
    (["empty.tsv"], "empty.tsv: no pairs"),
    (["plain.txt"], "row 1 of plain.txt, which has no tab"),
    (["pairs.tsv", "--source", "plain.txt", "--target", "plain.txt"], "not both"),
    (["pairs.tsv", "--layers", "4"], "--layers must be between 1 and 3"),
    (["pairs.tsv", "--attention", "dot", "--hidden", "10"], "twice --encoder-hidden"),
    (["missing.tsv"], "no such file"),
]


@pytest.mark.parametrize(("arguments", "says"), BAD, ids=[" ".join(row[0]) or "nothing" for row in BAD])
def test_an_error_gives_one_line_and_writes_nothing(rnntui, tmp_path: Path, arguments, says) -> None:
    table(tmp_path / "pairs.tsv", copy_rows(40))
    (tmp_path / "empty.tsv").write_text("")
    (tmp_path / "plain.txt").write_text("no tabs in here\nnor here\n")
    result = rnntui("train-seq2seq", *arguments)
    assert result.code in (1, 2) and says in result.err and result.err.count("\n") == 1
    assert not Path("checkpoints").exists()


def test_every_setting_is_a_flag_with_the_same_default(rnntui) -> None:
    help_text = rnntui("train-seq2seq", "--help").out
    flags = {parameter.name: parameter for parameter in command.params}
    for config_class in (Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig, Budget):
        for name, setting in settings_of(config_class).items():
            assert flag_of(setting.option_name) in help_text
            default = getattr(config_class(), name)
            assert flags[setting.option_name].default == (setting.none or None if default is None else default)


def test_translating_loads_no_torch(trained: Path) -> None:
    code = (
        "import sys; from rnntui.cli.main import run; code = run(sys.argv[1:]);"
        "print(code, sorted({'torch', 'textual', 'sacrebleu', 'sentencepiece', 'rich'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, "translate", "--run", str(trained / "checkpoints" / "copy"), "abc"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.splitlines()[-1] == "0 []"
