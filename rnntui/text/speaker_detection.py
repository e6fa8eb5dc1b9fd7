"""Detection of dialogues in plain text: label lines such as `Mara: hello`, the two speakers, the notation of turns.

A dialogue is judged by the beginning of the text. Logs, settings, recipes and other records have labels too; they are
told apart by the labels themselves (`INFO`, `Ingredients`) and by messages that are templates filled with numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rnntui.kinds.corpus_info import TurnFormat
from rnntui.text.turns import SpeakerLabels

_EXAMINED = 1 << 16  # characters at the start of the text; a dialogue starts right away
_MIN_TURNS = 20  # needed for a decision
_MAX_HEADER = 10  # lines before the first turn
_MIN_FIRST_WORDS, _MIN_FOR_FIRST_WORDS = 0.05, 40  # of the different messages; of people 0.12 to 0.75
MAX_LABEL = 40  # characters

# A colon before a digit, a slash or another colon is part of a time, an address or code, not the end of a label. The
# marks that end emphasis in Markdown, as in `**Mara:** hello`, are part of the end of a label.
LABEL = re.compile(
    rf"^([^\s:：](?:[^:：\n]{{0,{MAX_LABEL - 2}}}[^\s:：])?)([ \t\xa0\u202f]?"
    r"(?::(?![\d/\\:])|：)(?:[*_]{1,3}(?!\S))?[ \t]?)",
    re.MULTILINE,
)

_ASSISTANT = re.compile("assistant|ai|bot|chatbot|gpt|chatgpt|model")
_USER = re.compile("user|human")
_MODEL_ROLE = re.compile("assistant|ai|bot|chatbot|gpt|chatgpt|model|robot|answer|response|completion|output")
_PERSON_ROLE = re.compile("user|human|you|me|q|question|prompt|input|instruction|customer")
_LOG_LEVEL = re.compile(
    "trace|debug|info|information|notice|warn|warning|error|err|severe|fatal|critical|crit|alert|emergency|emerg|verbose"
    "|exception|stderr|stdout"
)
_RECORD_FIELD = re.compile(
    # tests, changes
    "ok|pass|passed|fail|failed|failure|success|skip|skipped|done|added|changed|fixed|removed|deprecated"
    # mail, articles, code, settings
    "|from|to|cc|bcc|subject|date|time|title|author|url|link|tags|tag|category|description|summary|abstract|notes?|name|id"
    "|key|value|type|status|path|port|version|size|width|height|default|required|returns|raises|args|param|parameters"
    "|examples?|todo|fixme|see|warnings|usage"
    # recipes, dictionaries, reviews
    "|ingredients?|method|directions|instructions|preparation|serves|servings|yield|steps|tips?|zutaten|zubereitung"
    "|ingredientes|preparación|ingrédients|préparation|ingredienti|preparazione|definition|term|word|meaning|synonyms?"
    "|antonyms|pronunciation|etymology|front|back|pros|cons|rating"
)
_RECORD_PAIR = re.compile(
    # languages, as of a bilingual text
    "en|es|de|fr|it|pt|nl|ru|zh|ja|ko|pl|tr|ar|la|sv|da|fi|cs|el|he|hi|uk|eng|spa|fra|fre|deu|ger|ita|por|rus|jpn|zho|chi|lat|ara|heb|tur|pol|nld|dut|swe"
    "|english|spanish|french|german|italian|portuguese|russian|japanese|chinese|korean|latin|greek|arabic|hebrew|turkish"
    "|polish|dutch|swedish|hindi|deutsch|englisch|français|anglais|español|inglés|italiano|português|source|target|src|tgt"
    "|original|translation"
    # commits, lists, jokes, scripts
    "|feat|fix|docs|style|refactor|perf|tests?|build|chore|revert|release|pro|con|contra|yesterday|today|tomorrow|before"
    "|after|setup|punchline|premise|hypothesis|context|claim|scene|action|cause|effect|problem|solution|fact|myth|rule"
    "|positive|negative|true|false|breakfast|lunch|dinner|mood|weather|food"
)  # one of these may be a name, two of them are not
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Line:
    """A line that is not blank: its label, empty if it has none; the text between label and message; the message."""

    label: str
    end: str
    message: str
    after_blank: bool


def parse_lines(text: str) -> list[Line]:
    """Return the lines of a text that are not blank, except the last one, which may be incomplete."""
    lines: list[Line] = []
    after_blank = False
    for line in text.split("\n")[:-1]:
        if not line.strip():
            after_blank = True
            continue
        match = LABEL.match(line)
        label, end = (match[1], match[2]) if match else ("", "")
        lines.append(Line(label, end, line[match.end() :] if match else line, after_blank))
        after_blank = False
    return lines


def find_speaker_labels(text: str) -> SpeakerLabels | None:
    """Return the speakers of a dialogue between two, judged by its beginning; None if the text is no such dialogue.

    Two labels must begin nearly all of the lines that have a label which recurs, and each of them 20% of those lines.
    Lines without a label continue a message. Labels of roles, such as `User` and `Assistant`, say who is the person; of
    other speakers, it is the first to speak.
    """
    beginning = text[:_EXAMINED]
    lines = parse_lines(beginning)
    counts = Counter(line.label for line in lines if line.label)
    assistant = _assistant_labels(counts)
    common = assistant or counts.most_common(2)
    if len(common) < 2:
        return None
    turns = common[0][1] + common[1][1]
    labels = {label for label, _ in common}
    first = next(index for index, line in enumerate(lines) if line.label in labels)
    others = sum(count for label, count in counts.items() if count >= 3 and label not in labels)
    if turns < _MIN_TURNS or common[1][1] < 0.2 * turns or first > _MAX_HEADER:
        return None
    person, model = (lines[first].label, (labels - {lines[first].label}).pop())
    roles = {_role(person), _role(model)}
    have_roles = roles == {"person", "model"} or labels == {"Q", "A"}
    if _role(model) == "person" or _role(person) == "model":
        person, model = model, person
    if not have_roles:
        messages = [line.message for line in lines if line.label in labels]
        on_label_line = sum(bool(message.strip()) for message in messages)
        if others > 0.05 * turns or on_label_line < 0.5 * turns or turns < 0.2 * len(lines):
            return None
        if is_record(labels, messages):
            return None
    elif others > 0.25 * turns and not assistant:
        return None
    return SpeakerLabels(person, model, turn_format(lines, labels, "\r\n" in beginning))


def is_record(labels: Iterable[str], messages: Sequence[str]) -> bool:
    """Return True if these labels and messages are of a log, of settings or of other records, not of people.

    Messages of people have words, mostly more than one.
    """
    messages = [message.strip() for message in messages if message.strip()]
    with_words = [message for message in messages if any(map(str.isalpha, message))]
    if len(with_words) < 0.5 * len(messages) or is_log(labels, messages):
        return True
    # Chinese, Japanese and Thai have no spaces.
    spaced = [message for message in with_words if max(map(ord, message)) < 0x0E00]
    return len(spaced) > 0.5 * len(messages) and sum(" " in message for message in spaced) < 0.2 * len(spaced)


def is_log(labels: Iterable[str], messages: Iterable[str]) -> bool:
    """Return True if labels are those of records, or messages are templates: hardly different without numbers."""
    words_of_labels = [re.findall(r"[^\W\d_]+", label.casefold()) for label in labels]
    for words in words_of_labels:
        if words and (_LOG_LEVEL.fullmatch(words[-1]) or (len(words) == 1 and _RECORD_FIELD.fullmatch(words[0]))):
            return True
    if all(len(words) == 1 and _RECORD_PAIR.fullmatch(words[0]) for words in words_of_labels):
        return True
    distinct = set(messages)
    if len({_template(message) for message in distinct}) < 0.5 * len(distinct):
        return True
    first_words = {_template(message.lower()).partition(" ")[0] for message in distinct}
    return len(distinct) >= _MIN_FOR_FIRST_WORDS and len(first_words) < _MIN_FIRST_WORDS * len(distinct)


def _template(message: str) -> str:
    """Return a message with each word that has a digit replaced."""
    return " ".join("0" if _DIGIT.search(word) else word for word in message.split())


def turn_format(lines: Sequence[Line], labels: set[str], carriage_returns: bool = False) -> TurnFormat:
    """Return the notation of the turns in some lines of a text; `labels` are those of all its speakers."""
    turns = [(index, line) for index, line in enumerate(lines) if line.label in labels]
    ends = Counter(line.end if line.message.strip() else line.end.rstrip() + "\n" for _, line in turns)
    label_end = ends.most_common(1)[0][0] if ends else ": "
    after_blank = sum(line.after_blank for index, line in turns if index)
    separator = "\n\n" if after_blank >= 0.8 * max(1, sum(1 for index, _ in turns if index)) else "\n"
    continuing = len(lines) - turns[0][0] - len(turns) if turns else 0
    return TurnFormat(
        label_end,
        separator.replace("\n", "\r\n") if carriage_returns else separator,
        label_end.endswith("\n") or continuing > 0.02 * len(turns),
    )


def count_labels(blocks: Iterable[str]) -> Counter[str]:
    """Count the labels at the beginning of lines in a whole text; of very many, rare ones are dropped."""
    counts: Counter[str] = Counter()
    for block in blocks:
        counts.update(match[1] for match in LABEL.finditer(block))
        if len(counts) > 100_000:
            counts = Counter({label: count for label, count in counts.items() if count > 1})
    return counts


def _role(label: str) -> str:
    """Return `model` or `person` for the label of a role, empty for a name."""
    if _is_word(label, _MODEL_ROLE):
        return "model"
    return "person" if _is_word(label, _PERSON_ROLE) else ""


def _assistant_labels(counts: Counter[str]) -> list[tuple[str, int]]:
    """Return the labels of a user and an assistant with their counts; none if the text is no chat of these.

    The answers of an assistant may have any number of lines with labels.
    """
    common = [(label, count) for label, count in counts.most_common() if count >= _MIN_TURNS // 4]
    pair = [next((pair for pair in common if _is_word(pair[0], role)), None) for role in (_USER, _ASSISTANT)]
    return [label for label in pair if label] if all(pair) else []


def _is_word(label: str, role: re.Pattern[str]) -> bool:
    """Return True if a label is a word of a role, with or without digits and symbols."""
    words = re.findall(r"[^\W\d_]+", label.casefold())
    return len(words) == 1 and role.fullmatch(words[0]) is not None


def sample_lines(blocks: Iterator[str], labels: set[str]) -> list[Line]:
    """Return the lines of the first block in which enough turns of these speakers begin, or of the one with most."""
    best: list[Line] = []
    most = 0
    for block in blocks:
        lines = parse_lines(block)
        turns = sum(line.label in labels for line in lines)
        if turns > most:
            best, most = lines, turns
        if turns >= _MIN_TURNS:
            break
    return best
