"""BLEU's tokenizer follows the script of the targets; short targets and labels are judged by exact matches."""

from __future__ import annotations

import pytest

from rnntui.config_seq2seq import Seq2SeqTrainingConfig
from rnntui.training import metric_choice
from rnntui.training.metric_choice import choose_bleu_tokenizer, choose_metrics

SCRIPTS = {
    "English": ("13a", ["I want to go to the station.", "Good morning."]),
    "Russian": ("13a", ["Я хочу на вокзал."]),
    "Arabic": ("13a", ["أريد الذهاب إلى المحطة."]),
    "Hebrew": ("13a", ["אני רוצה ללכת לתחנה."]),
    "Hindi": ("13a", ["मैं स्टेशन जाना चाहता हूँ।"]),
    "Greek": ("13a", ["Θέλω να πάω στο σταθμό."]),
    "Amharic": ("13a", ["ወደ ጣቢያው መሄድ እፈልጋለሁ።"]),
    "Vietnamese": ("13a", ["Tôi muốn đến nhà ga."]),
    "digits": ("13a", ["1999-12-31", "42"]),
    "emoji": ("13a", ["😀😁😂"]),
    "simplified Chinese": ("zh", ["我想去火车站。", "你好。"]),
    "traditional Chinese": ("zh", ["我想去火車站。"]),
    "Chinese numerals": ("zh", ["四百二十一", "十"]),
    "Bopomofo": ("zh", ["ㄋㄧㄏㄠ"]),
    "Chinese with a Japanese brand": ("zh", ["我喜欢优の良品的东西，特别是他们家的衣服和裤子。"]),
    "Chinese and English lines": ("zh", ["我想去火车站。", "I want to go to the train station."]),
    "Chinese with English words": ("zh", ["我用 PyTorch 和 TensorFlow 训练模型"]),
    "English with a Chinese name": ("13a", ["My friend 王 lives in Beijing and works there."]),
    "Han beyond the first plane": ("char", ["𠀀𠀁𠀂𠀃"]),
    "Japanese": ("ja-mecab", ["駅に行きたいです。", "おはよう。"]),
    "Japanese news": ("ja-mecab", ["日本政府は新型感染症対策本部会議を開催した。"]),
    "Katakana": ("ja-mecab", ["コンピューター"]),
    "halfwidth Katakana": ("ja-mecab", ["ｺﾝﾋﾟｭｰﾀｰ"]),
    "Korean": ("ko-mecab", ["역에 가고 싶습니다."]),
    "decomposed Korean": ("ko-mecab", ["\u1112\u1161\u11ab\u1100\u1173\u11af"]),
    "Thai": ("char", ["ฉันอยากไปสถานีรถไฟ"]),
    "Lao": ("char", ["ຂ້ອຍຢາກໄປສະຖານີ"]),
    "Khmer": ("char", ["ខ្ញុំចង់ទៅស្ថានីយ"]),
    "Burmese": ("char", ["ကျွန်တော် ဘူတာရုံ သွားချင်တယ်"]),
    "Tibetan": ("char", ["བཀྲ་ཤིས་བདེ་ལེགས།"]),
    "Thai and English": ("char", ["ฉันอยากไปสถานีรถไฟ", "I want to go to the station."]),
    "English with a Thai word": ("13a", ["The word ไป means to go, and it is used in many sentences."]),
}


@pytest.mark.parametrize(("tokenizer", "targets"), SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("has_mecab", [True, False])
def test_the_tokenizer_fits_the_script(
    tokenizer: str, targets: list[str], has_mecab: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric_choice, "has_bleu_tokenizer", lambda _: has_mecab)
    expected = tokenizer if has_mecab or "mecab" not in tokenizer else "char"
    assert choose_bleu_tokenizer(targets) == expected


SENTENCES = [f"The cat number {i} sits on the mat." for i in range(40)]
WORDS = [f"Capital{i}" for i in range(40)]
TARGETS = {
    "sentences": ("bleu", SENTENCES),
    "words": ("exact", WORDS),
    "two words": ("exact", [f"New {word}" for word in WORDS]),
    "mostly words": ("exact", WORDS[:30] + SENTENCES[:10]),
    "mostly sentences": ("bleu", WORDS[:10] + SENTENCES[:30]),
    "labels": ("exact", ["pos", "neg"] * 20),
    "long labels": ("exact", ["this review is very positive", "this review is very negative"] * 20),
    "tag sequences": ("exact", ["N V D N P", "N V D N", "D N V"] * 20),
    "greetings in Chinese": ("exact", [f"{sign}好。" for sign in "你您大早晚安"] * 5),
    "numbers in Chinese": ("bleu", [f"{a}百{b}十三" for a in "二三四五六七八九" for b in "二三四五六七八九"]),
    "ISO dates": ("bleu", [f"1976-07-{day:02}" for day in range(1, 29)]),
    "one pair": ("exact", ["word"]),
}


@pytest.mark.parametrize(("metric", "targets"), TARGETS.values(), ids=TARGETS)
def test_the_metric_that_selects_fits_the_targets(metric: str, targets: list[str]) -> None:
    chosen = choose_metrics(Seq2SeqTrainingConfig(), targets)
    assert chosen.selection_metric == metric and chosen.bleu_tokenizer != "auto"


@pytest.mark.parametrize("metric", ["bleu", "chrf", "exact", "loss"])
def test_what_the_user_names_stays(metric: str) -> None:
    settings = Seq2SeqTrainingConfig(selection_metric=metric, bleu_tokenizer="intl", seed=5)  # type: ignore[arg-type]
    assert choose_metrics(settings, WORDS) == settings


def test_a_run_of_an_older_version_is_scored_by_13a() -> None:
    assert Seq2SeqTrainingConfig.from_json({"selection_metric": "bleu"}).resolved_bleu_tokenizer == "13a"
