"""`rnntui sample`, `score`, `evaluate` and `runs` on a trained run."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tracemalloc
from pathlib import Path

import click
import numpy as np
import pytest
from tiny_runs import make_run, word_tokenizer

from rnntui.cli.progress_bar import ProgressBar
from rnntui.cli.sample import command
from rnntui.cli.terminal import escaped_argument
from rnntui.inference.loaded_model import load_language_model
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import SHIPPED
from rnntui.runs.run_status import RunStatus
from rnntui.text.control_chars import escape_control_chars


@pytest.fixture
def sample(rnntui, trained: Path):
    def call(*arguments: str, stdin: bytes = b""):
        return rnntui("sample", "--checkpoints", trained, *arguments, stdin=stdin)

    return call


def test_it_writes_words_of_its_corpus(sample) -> None:
    text = sample("-n", "300", "--temperature", "0.3", "--seed", "1").out
    words = set(text.split()[1:-1])
    assert words <= {"alpha", "beta", "gamma", "delta"} and len(words) >= 3


def test_the_length_is_in_tokens_and_a_last_line_break_is_added(sample) -> None:
    result = sample("-n", "200", "--seed", "3")
    assert len(result.out.rstrip("\n")) >= 198 and result.out.endswith("\n")
    assert sample("-n", "0", "--prompt", "beta").out == "beta\n"


def test_the_seed_determines_the_text(sample) -> None:
    one, same, other = (sample("-n", "80", "--seed", seed).out for seed in ("5", "5", "6"))
    assert one == same != other
    assert sample("-n", "80").out != sample("-n", "80").out


def test_temperature_zero_needs_no_seed(sample) -> None:
    assert sample("-n", "80", "--temperature", "0").out == sample("-n", "80", "--temperature", "0").out


def test_the_prompt_comes_from_the_flag_or_from_standard_input(sample) -> None:
    by_flag = sample("-n", "40", "--seed", "1", "--prompt", "gamma ").out
    by_pipe = sample("-n", "40", "--seed", "1", stdin=b"gamma ").out
    assert by_flag == by_pipe and by_flag.startswith("gamma ")
    assert sample("-n", "40", "--seed", "1", "--prompt", "gamma ", "--no-echo").out == by_flag.removeprefix("gamma ")


def test_an_unknown_character_is_named_and_is_no_other_character(sample) -> None:
    result = sample("-n", "20", "--seed", "1", "--prompt", "beta Ω中")
    assert "'Ω', '中' not in the vocabulary, read as <unk>" in result.err
    assert result.out.startswith("beta Ω中")
    assert "\N{REPLACEMENT CHARACTER}" not in result.out


def test_each_of_several_texts_is_as_if_sampled_alone(sample) -> None:
    together = sample("-n", "40", "--samples", "3", "--seed", "7", "--separator", "|").out
    alone = [sample("-n", "40", "--seed", str(seed)).out.removesuffix("\n") for seed in (7, 8, 9)]
    assert together.removesuffix("\n") == "|".join(alone).removesuffix("\n")


def test_a_long_job_shows_how_far_it_is_and_its_output_stays_the_same(sample, monkeypatch) -> None:
    shown: list[tuple[float | None, str]] = []

    class Bar(ProgressBar):
        def update(self, fraction: float | None, text: str = "") -> None:
            shown.append((fraction, text))

    arguments = ("-n", "70", "--samples", "3", "--seed", "7", "--json")
    without = sample(*arguments)
    monkeypatch.setattr("rnntui.cli.sample.ProgressBar", Bar)
    texts = [[json.loads(line)["text"] for line in result.out.splitlines()] for result in (without, sample(*arguments))]
    assert texts[0] == texts[1] and without.err == ""
    fractions = [fraction for fraction, text in shown if "tokens of each" in text]
    assert fractions == sorted(fractions) and len(fractions) >= 3 and 0.8 < fractions[-1] <= 1
    assert shown[-1][1] == "64 tokens of each, 0 of 3 texts ended"
    shown.clear()
    sample("-n", "10000000", "--stop", "a", "--seed", "7")
    assert (None, "0 tokens") in shown


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_quantized_weights_give_the_same_text_alone_and_in_a_batch(sample, precision: str) -> None:
    arguments = ("-n", "40", "--precision", precision, "--json", "--seed")
    together = [json.loads(line) for line in sample(*arguments, "7", "--samples", "3").out.splitlines()]
    alone = [json.loads(sample(*arguments, str(seed)).out) for seed in (7, 8, 9)]
    assert [line["tokens"] for line in together] == [line["tokens"] for line in alone]
    assert [line["bits_per_character"] for line in together] == [line["bits_per_character"] for line in alone]
    assert all(line["settings"]["precision"] == precision for line in together)


def test_stop_strings_end_a_text_and_are_not_written(sample) -> None:
    result = sample("-n", "400", "--samples", "4", "--seed", "2", "--stop", "delta", "--stop", "zzz", "--json")
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert len(lines) == 4
    assert all(line["stopped"] and "delta" not in line["text"] for line in lines)


@pytest.mark.parametrize("flags", [[], ["--samples", "3"]])
def test_a_kept_stop_string_is_written_at_the_end(sample, flags: list[str]) -> None:
    common = ["-n", "400", "--seed", "2", "--stop", "delta", "--json", *flags]
    without, kept = (list(map(json.loads, sample(*common, *more).out.splitlines())) for more in ([], ["--keep-stop"]))
    assert [line["text"] for line in kept] == [line["text"] + "delta" for line in without]
    assert all(line["stopped"] and line["settings"]["keep_stop"] for line in kept)


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("\\n", "\n"), ("\n", "\n"), ("\\n\\n", "\n\n"), ("a\\tb\\r", "a\tb\r"), ("\\\\n", "\\n"), ("\\\\\\n", "\\\n"),
        ("\\x41\\xe9", "Aé"), ("\\u4E2D", "中"), ("\\ud83e\\udd94", "🦔"), ("🦔", "🦔"), ("", ""), ("\\", "\\"),
        ("C:\\dir", "C:\\dir"), ("\\x4", "\\x4"), ("\\u12", "\\u12"), ("\\ud83e", "\N{REPLACEMENT CHARACTER}"),
        ("\\d+", "\\d+"), ("\\\\x41", "\\x41"), ("---", "---"),
    ],
)  # fmt: skip
def test_escapes_in_stop_and_separator(argument: str, text: str) -> None:
    options = {option.name: option for option in command.params}
    context = click.Context(command)
    assert escaped_argument(context, options["separator"], argument) == text
    assert escaped_argument(context, options["stop"], (argument, argument)) == (text, text)


def test_a_line_break_in_single_quotes_stops_and_separates(sample) -> None:
    common = ["-n", "60", "--seed", "2", "--samples", "3"]
    escaped = sample(*common, "--stop", "\\n", "--separator", "\\n").out
    assert escaped == sample(*common, "--stop", "\n", "--separator", "\n").out
    assert len(escaped.splitlines()) == 3


@pytest.mark.parametrize(
    ("prompt", "flags"),
    [
        (b"\xef\xbb\xbfbeta:\r\ngamma", []),
        (b"beta:\rgamma", []),
        (b"beta:\r\ngamma", ["--encoding", "utf-8-sig"]),
        ("\ufeffbeta:\r\ngamma".encode("utf-16-le"), ["--encoding", "utf-16"]),
        ("beta:\ngamma".encode("utf-32"), ["--encoding", "utf-32"]),
        (b"beta:\r\ngamma", ["--encoding", "cp1252"]),
    ],
)
def test_a_prompt_is_read_as_text_whatever_program_wrote_it(sample, prompt: bytes, flags: list[str]) -> None:
    expected = sample("-n", "30", "--seed", "1", stdin=b"beta:\ngamma")
    result = sample("-n", "30", "--seed", "1", *flags, stdin=prompt)
    assert (result.out, result.err) == (expected.out, expected.err) and result.out.startswith("beta:\ngamma")
    if not flags:
        assert sample("-n", "30", "--seed", "1", "--prompt", prompt.decode()).out == expected.out


def test_the_case_of_a_prompt_with_byte_order_mark_and_cr(sample) -> None:
    prompt = (Path(__file__).parents[1] / "data" / "cases" / "prompt-bom-crlf.txt").read_bytes()
    assert prompt == b"\xef\xbb\xbfROMEO:\r\n"
    result = sample("-n", "20", "--seed", "1", "--json", stdin=prompt)
    assert json.loads(result.out)["prompt"] == "ROMEO:\n" and "\\ufeff" not in result.err and "\\r" not in result.err


def test_line_ends_and_invalid_bytes_of_a_prompt_are_kept_or_replaced_on_demand(sample) -> None:
    assert sample("-n", "3", "--newlines", "keep", stdin=b"beta\r\n").out.startswith("beta\r\n")
    assert "'\\r'" in sample("-n", "3", "--newlines", "keep", "--prompt", "beta\r\n").err
    assert sample("-n", "3", "--errors", "replace", stdin=b"be\xe9ta").out.startswith("be\N{REPLACEMENT CHARACTER}ta")
    assert sample("--encoding", "klingon", stdin=b"x").err.count("\n") == 1


@pytest.mark.parametrize("lines", [b"beta \ngamma\n\nalpha", b"\xef\xbb\xbfbeta \r\ngamma\r\n\r\nalpha\r\n"])
def test_each_line_is_continued_as_if_it_were_the_only_prompt(sample, lines: bytes) -> None:
    flags = ["-n", "30", "--separator", "|"]
    alone = [
        sample(*flags, "--seed", str(5 + index), "--prompt", prompt).out.removesuffix("\n")
        for index, prompt in enumerate(("beta ", "gamma", "", "alpha"))
    ]
    together = sample(*flags, "--seed", "5", "--each-line", stdin=lines)
    assert together.out.removesuffix("\n") == "|".join(alone).removesuffix("\n") and together.err == ""


def test_each_line_as_json_has_prompt_line_sample_and_seed(sample) -> None:
    result = sample("-n", "9", "--seed", "5", "--each-line", "--samples", "2", "--json", stdin="beta \n\nΩ\n".encode())
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [(line["prompt"], line["line"], line["sample"], line["seed"]) for line in lines] == [
        ("beta ", 1, 0, 5), ("beta ", 1, 1, 6), ("", 2, 0, 7), ("", 2, 1, 8), ("Ω", 3, 0, 9), ("Ω", 3, 1, 10),
    ]  # fmt: skip
    assert "line 3: 'Ω' not in the vocabulary" in result.err
    alone = json.loads(sample("-n", "9", "--seed", "6", "--prompt", "beta ", "--json").out)
    assert alone["text"] == lines[1]["text"] and "line" not in alone


def test_each_line_writes_what_came_before_a_bad_line_and_takes_no_other_prompt(sample) -> None:
    result = sample("-n", "9", "--seed", "5", "--each-line", stdin=b"beta \nb\xff\n")
    assert result.code == 1 and "line 2" in result.err
    assert result.out == sample("-n", "9", "--seed", "5", "--prompt", "beta ").out
    result = sample("--each-line", "--prompt", "x")
    assert (result.code, result.out) == (2, "") and "leave out --prompt" in result.err
    assert sample("--each-line", stdin=b"").out == ""


def test_each_line_is_answered_before_the_next_is_given(trained: Path) -> None:
    arguments = ["sample", "--checkpoints", str(trained), "--each-line", "-n", "5", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "rnntui", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        for line in (b"alpha\n", b"\n", b"beta\n"):
            process.stdin.write(line)
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["prompt"] == line.decode().strip()
        process.stdin.close()
        assert process.wait() == 0


def test_json_lines_have_all_fields(sample, trained: Path) -> None:
    result = sample("-n", "30", "--samples", "2", "--seed", "4", "--top-p", "0.9", "--prompt", "beta ", "--json")
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [line["seed"] for line in lines] == [4, 5]
    for line in lines:
        assert line["run"] == "words" and line["prompt"] == "beta "
        assert line["text"] == "".join(line["tokens"]) and len(line["tokens"]) == 30
        assert line["settings"]["top_p"] == 0.9 and line["settings"]["length"] == 30
        assert line["seconds"] > 0
        # bits per character is what `score` would say of the same characters, given the prompt.
        loaded = load_language_model(RunFolder(trained / "words"))
        from rnntui.inference.generate import initial_context_ids
        from rnntui.inference.scoring import score

        before = [*initial_context_ids(loaded.tokenizer), *loaded.tokenizer.encode("beta ")]
        found = score(loaded.network, np.array(before), loaded.tokenizer.encode(line["text"]), len(line["text"]))
        assert found.bits_per_character == pytest.approx(line["bits_per_character"], rel=1e-4)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--temperature", "-1"], "--temperature must be between 0 and 100 (got -1)"),
        (["--top-p", "2"], "--top-p must be between 0 and 1 (got 2)"),
        (["--run", "nobody"], "no run 'nobody'"),
        (["-n", "-5"], "-5"),
    ],
)
def test_bad_settings_get_one_line(sample, flags: list[str], says: str) -> None:
    result = sample(*flags)
    assert (result.code, result.out) == (2, "")
    assert says in result.err and result.err.count("\n") == 1


def test_bits_per_character_count_characters_not_bytes(rnntui, tmp_path: Path) -> None:
    (tmp_path / "poem.txt").write_text(
        "".join(chr(0x4E00 + i * 7 % 900) + ("\n" if i % 9 == 8 else "") for i in range(4000))
    )
    shape = [
        "--hidden",
        "16",
        "--batch-size",
        "4",
        "--bptt",
        "16",
        "--eval-tokens",
        "512",
        "--steps",
        "5",
        "--tokenizer",
        "bpe",
        "--ngram-prior",
        "0",
        "--vocab-size",
        "300",
    ]
    assert rnntui("train", "poem.txt", *shape).code == 0
    line = json.loads(rnntui("sample", "-n", "300", "--seed", "1", "--json").out)
    assert any(token.startswith("<0x") for token in line["tokens"])
    assert "\N{REPLACEMENT CHARACTER}" not in line["text"], "bytes that cannot follow are not sampled"
    # A text whose length ends within a character is a little longer.
    texts = [json.loads(rnntui("sample", "-n", str(n), "--seed", "1", "--json").out) for n in range(1, 9)]
    for n, each in enumerate(texts, 1):
        assert line["text"].startswith(each["text"]) and n <= len(each["tokens"]) <= n + 3
        assert each["tokens"] == line["tokens"][: len(each["tokens"])]
    assert any(len(each["tokens"]) > n for n, each in enumerate(texts, 1))
    # Evenly drawn from some 300 tokens, each token takes about eight bits; few of them make a whole character.
    assert line["bits_per_character"] == pytest.approx(8.2 * 300 / len(line["text"]), rel=0.1)


def test_a_long_prompt_takes_little_memory(trained: Path) -> None:
    loaded = load_language_model(RunFolder(trained / "words"))
    ids = np.tile(loaded.tokenizer.encode("alpha beta gamma delta\n"), 1000)
    tracemalloc.start()
    try:
        logits, _ = loaded.network.feed(ids[:, None], loaded.network.initial_state())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.isfinite(logits).all() and peak < 1_000_000


def test_a_prompt_that_is_not_utf8_gets_one_line(sample) -> None:
    result = sample(stdin=b"caf\xe9")
    assert result.code == 1 and "standard input is not utf-8: byte 0xe9 at offset 3" in result.err


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["missing", "garbage", "cut off"])
def test_a_broken_run_gets_one_line_naming_the_file(
    rnntui, trained: Path, tmp_path: Path, file: str, damage: str
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        data = (trained / "words" / name).read_bytes()
        if name == file:
            data = {"missing": None, "garbage": b"\x00\xff{]", "cut off": data[: len(data) // 2]}[damage]
        if data is not None:
            (broken / name).write_bytes(data)
    result = rnntui("sample", "--run", "broken" if damage != "missing" or file != "config.json" else str(broken))
    assert result.code in (1, 2)
    assert result.err.count("\n") == 1
    assert file in result.err or "no run" in result.err
    assert "bug" not in result.err


def test_scores_go_line_by_line_and_a_blank_line_stays_one(rnntui, trained: Path) -> None:
    result = rnntui("score", "--checkpoints", trained, stdin=b"alpha beta\n\nxylophone\r\nalpha")
    assert result.code == 0
    rows = [line.split("\t") for line in result.out.splitlines()]
    assert len(rows) == 4
    assert rows[1] == ["0.0000", "nan"]
    assert float(rows[0][1]) < float(rows[2][1]), "words it knows surprise it less"
    assert "line 3" in result.err and "<unk>" in result.err
    for text, (log_probability, bits) in zip(("alpha beta", None, "xylophone"), rows, strict=False):
        if text:
            assert -float(log_probability) / math.log(2) / len(text) == pytest.approx(float(bits), abs=1e-3)


def test_scores_as_json(rnntui, trained: Path) -> None:
    lines = rnntui("score", "--checkpoints", trained, "--json", stdin=b"alpha\n\n").out.splitlines()
    first, blank = map(json.loads, lines)
    assert first["text"] == "alpha" and first["tokens"] == 5 and first["log_probability"] < 0
    assert blank["bits_per_character"] is None


def test_a_line_that_is_not_utf8_is_named(rnntui, trained: Path) -> None:
    result = rnntui("score", "--checkpoints", trained, stdin=b"alpha\nb\xff\n")
    assert result.code == 1 and "line 2" in result.err
    assert result.out.count("\n") == 1, "the line before it was answered"
    read_on = rnntui("score", "--checkpoints", trained, "--errors", "replace", stdin=b"alpha\nb\xff\n")
    assert read_on.code == 0 and read_on.out.count("\n") == 2


def test_evaluate_gives_both_losses_and_agrees_with_score(rnntui, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("alpha beta gamma delta\n" * 40)
    result = rnntui("evaluate", "text.txt", "--checkpoints", trained, "--run", "words", "--json")
    found = json.loads(result.out)
    assert found["streaming"]["loss"] <= found["windowed"]["loss"]
    assert found["streaming"]["perplexity"] == pytest.approx(math.exp(found["streaming"]["loss"]))
    streaming, size = found["streaming"], len("alpha beta gamma delta\n")
    assert streaming["words"] == 200  # four words and a line break, 40 times; all but the first character is predicted
    bits_per_word = streaming["bits_per_character"] * size / 5
    assert math.log2(streaming["word_perplexity"]) == pytest.approx(bits_per_word)
    assert streaming["nats_per_word"] == pytest.approx(bits_per_word * math.log(2))
    evaluated = rnntui("evaluate", "text.txt", "--checkpoints", trained)
    assert "200 words between white space, each line break counted as one" in evaluated.err
    table = evaluated.out
    assert f"{found['windowed']['word_perplexity']:,.1f}" in table
    assert "streaming" in table and f"{found['windowed']['loss']:.4f}" in table and "\x1b" not in table


@pytest.mark.parametrize(("text", "shown"), [("x" * 400, "above 1e304"), ("xxxxx " * 60, "e+")])
def test_a_huge_word_perplexity_is_short(rnntui, trained: Path, text: str, shown: str) -> None:
    Path("unlike.txt").write_text(f"{text}\n")
    result = rnntui("evaluate", "unlike.txt", "--run", "words", "--checkpoints", trained)
    assert result.code == 0, result.err
    assert shown in result.out and max(map(len, result.out.splitlines())) < 90


def test_dynamic_figures_stand_beside_the_ordinary_ones(rnntui, trained: Path, tmp_path: Path) -> None:
    line = "delta delta gamma gamma alpha alpha"
    (tmp_path / "text.txt").write_text(f"{line}\n" * 60)
    arguments = ["evaluate", "text.txt", "--checkpoints", trained, "--threads", "1"]
    ordinary = json.loads(rnntui(*arguments, "--json").out)
    both = json.loads(rnntui(*arguments, "--dynamic", "--json").out)
    dynamic = both.pop("dynamic")
    assert both == ordinary and dynamic["tokens"] == both["streaming"]["tokens"]
    assert dynamic["bits_per_character"] < both["streaming"]["bits_per_character"] - 0.1
    table = rnntui(*arguments, "--dynamic")
    assert f"{dynamic['loss']:.4f}" in table.out and "compare it only with other dynamic evaluations" in table.err
    assert json.loads(rnntui(*arguments, "--json").out) == ordinary  # the run is as it was
    scores = rnntui("score", "--checkpoints", trained, "--dynamic", *[line] * 20).out.splitlines()
    columns = [[float(value) for value in score.split("\t")] for score in scores]
    assert len({tuple(row[:2]) for row in columns}) == 1 and columns[-1][2] > columns[-1][0] + 5
    first, last = (json.loads(rnntui("score", "--checkpoints", trained, "--dynamic", "--json", line).out) for _ in "12")
    assert first == last and first.keys() == {"text", "log_probability", "tokens", "bits_per_character", "dynamic"}
    assert first["dynamic"].keys() == first.keys() - {"text", "dynamic"}


def test_dynamic_evaluation_is_for_language_models(rnntui, tmp_path: Path) -> None:
    result = rnntui("evaluate", "x.tsv", "--run", "en-es", "--dynamic")
    assert result.code == 2 and "--dynamic is for language models" in result.err


def test_evaluate_names_unknown_characters_and_texts_too_short(rnntui, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "greek.txt").write_text("αβγ alpha " * 20)
    assert "'α', 'β', 'γ'" in rnntui("evaluate", "greek.txt", "--checkpoints", trained).err
    (tmp_path / "short.txt").write_text("a")
    result = rnntui("evaluate", "short.txt", "--checkpoints", trained)
    assert result.code == 1 and "short.txt" in result.err


def test_a_model_of_words_names_unknown_ones_and_counts_their_spelling(rnntui, tmp_path: Path) -> None:
    make_run(tmp_path / "checkpoints", "words", tokenizer=word_tokenizer())
    result = rnntui("sample", "-n", "40", "--seed", "1", "--prompt", "the old zebra ", "--json")
    assert result.err.endswith("prompt: 'zebra' not in the vocabulary, read as <unk>\n")
    sampled = json.loads(result.out)
    assert "<unk>" not in sampled["text"] and not sampled["text"].startswith(" ")
    echoed = rnntui("sample", "-n", "40", "--seed", "1", "--prompt", "the old zebra ").out
    assert echoed.rstrip("\n") == "the old zebra " + sampled["text"].rstrip("\n")
    scores = [json.loads(rnntui("score", "--json", text).out) for text in ("the zebra", "the zebras")]
    assert scores[0]["log_probability"] == scores[1]["log_probability"] and scores[0]["tokens"] == 2
    bits = [score["bits_per_character"] * len(score["text"]) for score in scores]
    assert bits[1] - bits[0] > 1, "a longer word takes longer to spell out"
    (tmp_path / "text.txt").write_text("the old zebra\n" * 9)
    evaluated = rnntui("evaluate", "text.txt", "--json")
    assert "of the bits per character are the spelling of unknown words" in evaluated.err
    streaming = json.loads(evaluated.out)["streaming"]
    tokens_alone = streaming["loss"] * streaming["tokens"] / math.log(2) / len("the old zebra\n" * 9)
    assert streaming["bits_per_character"] > tokens_alone + 1


def test_runs_lists_all_runs(rnntui, trained: Path) -> None:
    out = rnntui("runs", "--checkpoints", trained).out
    assert "\x1b" not in out
    for word in ("words", "lstm", "1×24", "done"):
        assert word in out
    rows = [json.loads(line) for line in rnntui("runs", "--checkpoints", trained, "--json").out.splitlines()]
    words = next(row for row in rows if row["name"] == "words")
    assert words["tokens"] == 300 * 64 and words["state"] == "done" and words["bits_per_character"] > 0


def test_runs_shows_a_run_in_training_as_running_and_a_killed_one_as_stopped(
    rnntui, tmp_path: Path, trained: Path
) -> None:
    folder = tmp_path / "checkpoints" / "busy"
    folder.mkdir(parents=True)
    (folder / "config.json").write_bytes((trained / "words" / "config.json").read_bytes())
    run = RunFolder(folder)
    run.write_status(RunStatus("running", step=5))
    lock = run.lock()
    states = []
    for _ in range(2):
        rows = [json.loads(line) for line in rnntui("runs", "--json").out.splitlines()]
        states.append(next(row["state"] for row in rows if row["name"] == "busy"))
        lock.release()
    assert states == ["running", "stopped"]


def test_a_broken_run_does_not_hide_the_others(rnntui, tmp_path: Path, trained: Path) -> None:
    for name in ("good", "bad"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    (tmp_path / "checkpoints/good/config.json").write_bytes((trained / "words" / "config.json").read_bytes())
    (tmp_path / "checkpoints/bad/config.json").write_text("{")
    result = rnntui("runs")
    assert result.code == 0 and "good" in result.out and "broken" in result.out
    assert "config.json is not JSON" in result.err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ntext\t中文 é 😀", "plain\ntext\t中文 é 😀"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\rb\x00\x7f\x9b", "a\\x0db\\x00\\x7f\\x9b"),
        ("\u202eevil\u202d\u2066\u2067\u2068x\u2069", "\\u202eevil\\u202d\\u2066\\u2067\\u2068x\\u2069"),
        ("\u200fשלום\u200e \u061cسلام", "\u200fשלום\u200e \u061cسلام"),
        ("\u202bשלום!\u202c\n\u202ahello\u202c", "שלום!\nhello"),
        ("می\u200cخواهم क्\u200dष 👩\u200d👧 ❤\ufe0f", "می\u200cخواهم क्\u200dष 👩\u200d👧 ❤\ufe0f"),
        ("\ud800", "\\ud800"),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    assert escape_control_chars(text) == shown


def test_a_missing_checkpoints_folder_is_an_error(rnntui) -> None:
    for name in ("sample", "runs", "score"):
        result = rnntui(name, "--checkpoints", "nosuch")
        assert (result.code, "--checkpoints nosuch: there is no such folder" in result.err) == (2, True)


def test_in_an_empty_folder_the_shipped_model_is_used_and_listed_as_shipped(rnntui) -> None:
    assert len(rnntui("sample", "-n", "50", "--prompt", "ROMEO:", "--seed", "1").out) >= 56
    rows = [json.loads(line) for line in rnntui("runs", "--json").out.splitlines()]
    assert sorted((row["name"], row["shipped"]) for row in rows) == [(name, True) for name in sorted(SHIPPED)]
    assert "done, shipped" in rnntui("runs").out


def test_a_text_goes_on_from_a_saved_state_in_another_process(sample, tmp_path: Path) -> None:
    state = str(tmp_path / "story.state")
    whole = sample("--prompt", "the ", "--seed", "4", "-n", "40").out
    first = sample("--prompt", "the ", "--seed", "4", "-n", "15", "--save-state", state).out
    rest = sample("-n", "25", "--from-state", state).out
    assert first.removesuffix("\n") + rest == whole
    again = [sample("-n", "25", "--from-state", state, "--seed", "7", "--samples", "2").out for _ in range(2)]
    assert again[0] == again[1]
    assert sample("-n", "5", "--from-state", state, "--json").out.count('"seed": null') == 1
    assert "single text" in sample("--save-state", state, "--samples", "2").err


def test_a_state_knows_the_run_that_saved_it(rnntui, tmp_path: Path) -> None:
    runs, state = tmp_path / "runs", str(tmp_path / "story.state")
    first = make_run(runs, "first", seed=1)

    def sample(*arguments: str):
        return rnntui("sample", "--checkpoints", str(runs), "-n", "20", *arguments)

    assert sample("--prompt", "a", "--seed", "4", "--save-state", state).code == 0
    rest = sample("--from-state", state).out
    make_run(runs, "newer", seed=2)
    assert sample("--from-state", state).out == rest
    assert "of another model, 'first'" in sample("--from-state", state, "--run", "newer").err
    trained_on = make_run(tmp_path / "other", "first", seed=3)
    trained_on.weights_file.replace(first.weights_file)
    refused = sample("--from-state", state)
    assert (refused.code, refused.out) == (1, "") and "of another model, 'first', or of other weights" in refused.err


def test_a_state_of_a_shipped_model_goes_on_with_it(rnntui, tmp_path: Path) -> None:
    state = str(tmp_path / "story.state")
    first = ("-n", "5", "--prompt", "A:", "--seed", "1")
    assert rnntui("sample", "--run", "chat", *first, "--save-state", state).code == 0
    assert rnntui("sample", "-n", "5", "--from-state", state, "--json").out.startswith('{"run": "chat"')
    runs = str(tmp_path / "runs")
    make_run(tmp_path / "runs", "chat")  # a run of one's own of that name
    assert rnntui("sample", "-n", "5", "--from-state", state, "--checkpoints", runs).code == 0


def test_a_state_is_refused_before_the_text_where_it_cannot_be_saved(sample, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("dear diary, " * 9)
    for path, problem in (
        ("-", "--save-state - : this is not written to standard output; name a file"),
        (notes, "no saved state"),
        (tmp_path, "it is a folder; name a file"),
        (tmp_path / "no" / "state", "/no; create it, or choose another place"),
    ):
        result = sample("-n", "5", "--save-state", str(path))
        assert result.out == "" and problem in result.err
    assert notes.read_text().startswith("dear")
