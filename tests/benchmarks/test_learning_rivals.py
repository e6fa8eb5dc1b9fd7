"""Rivals of language models: measures of the Transformer, and a whole comparison with tiny budgets."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest


def test_the_losses_of_the_transformer_count_each_token_once() -> None:
    import torch
    from language_model_rivals import Transformer

    from rnntui.training.device import choose_hardware

    torch.manual_seed(1)
    model, hardware = Transformer(9), choose_hardware("cpu", "fp32", 1)
    torch.nn.init.normal_(model.module.tokens.weight)
    ids = np.random.default_rng(1).integers(0, 9, 64 + 16 + 6)

    def losses(start: int) -> torch.Tensor:
        window = torch.from_numpy(ids[start : start + 65])
        logits = model.module(window[None, :-1])[0]
        return torch.nn.functional.cross_entropy(logits, window[1:], reduction="none").detach()

    whole = torch.cat([losses(0), losses(16)[-16:], losses(21)[-5:]])  # steps of 16; the last one of what is left
    assert len(whole) == len(ids) - 1
    assert model.carried(ids, hardware) == pytest.approx(float(whole.mean()), rel=1e-5)
    assert model.windowed(ids, hardware) == pytest.approx(float(losses(0).mean()), rel=1e-5)
    changed = torch.from_numpy(ids[:64].copy())
    changed[40] = (changed[40] + 1) % 9
    before, after = model.module(torch.from_numpy(ids[:64])[None]), model.module(changed[None])
    assert torch.equal(before[0, :40], after[0, :40]) and not torch.equal(before[0, 40], after[0, 40])


def test_contestants_train_once_on_the_same_tokens_and_are_drawn(
    tmp_path: Path,
    commands: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import language_model_rivals
    import learning

    (tmp_path / "corpus.txt").write_text("".join(f"line {index} of a text, and a word.\n" for index in range(150)))
    monkeypatch.setattr(language_model_rivals, "EVALUATIONS", 1)
    monkeypatch.setattr(learning, "RIVALS", {"the LSTM": lambda size: language_model_rivals.TutorialLSTM(size, 8)})
    svg, results = tmp_path / "curves.svg", tmp_path / "results.jsonl"
    arguments = ["learning.py", f"lines={tmp_path / 'corpus.txt'}", "--rivals", "--minutes", "0.012", "--seeds", "1"]
    arguments += ["--results", str(results), "--svg", str(svg), "--", "--threads", "1", "--batch-size", "4"]
    monkeypatch.setattr(sys, "argv", arguments)
    learning.main()
    learning.main()
    assert len(commands) == 1, "what is in the file of results is not trained again"
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    assert [row["contestant"] for row in rows] == ["rnntui train", "the LSTM"]
    assert all(0 < row["carried_loss"] <= math.log(256) and row["tokens"] for row in rows)
    monkeypatch.setattr(sys, "argv", [*arguments, "--tokenizer=word"])
    with pytest.raises(SystemExit):
        learning.main()
    captured = capsys.readouterr()
    out = captured.out
    assert "--tokenizer=word: rivals train on the tokens" in captured.err and len(commands) == 1
    assert "lines, 0.012 minutes" in out and f"{rows[1]['windowed_loss']:.4f}" in out
    assert re.search(r"<svg.*Validation loss on lines.*the LSTM", svg.read_text(), re.DOTALL)
