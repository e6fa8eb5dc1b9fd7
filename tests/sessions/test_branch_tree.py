"""The tree of branches of a text: whatever is cut stays, once, and is saved and read back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_runs import make_run, subwords

from rnntui.inference.loaded_model import LoadedLanguageModel, load_language_model
from rnntui.sessions import branch_tree as module
from rnntui.sessions.branch_comparison import bits_per_character, compare
from rnntui.sessions.branch_outline import outline
from rnntui.sessions.branch_tree import Branch, BranchPosition, BranchTree
from rnntui.sessions.conversation import Conversation
from rnntui.sessions.saved_transcript import SavedLineError, parse_lines, text_lines
from rnntui.sessions.transcript import Turn
from rnntui.sessions.transcript_editing import append_text, append_turns
from rnntui.text.documents import DocumentFormat


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[LoadedLanguageModel]:
    folder = tmp_path_factory.mktemp("runs")
    runs = [make_run(folder, "characters"), make_run(folder, "subwords", tokenizer=subwords())]
    return [load_language_model(run) for run in runs]


@pytest.fixture
def documents(models: list[LoadedLanguageModel]) -> DocumentFormat:
    return models[0].documents


def append(tree: BranchTree, text: str, role: str = "model") -> None:
    tree.transcript.begin_turn(Turn(role, len(tree.transcript), "tiny" if role == "model" else ""))  # type: ignore[arg-type]
    append_text(tree.transcript, text, tree.current.documents)


def with_texts(documents: DocumentFormat, *texts: tuple[int, str]) -> BranchTree:
    """Return a tree that was cut at each place and went on with each text."""
    tree = BranchTree(documents)
    for place, text in texts:
        tree.cut(place)
        append(tree, text)
    return tree


def texts_of(tree: BranchTree) -> set[str]:
    return {tree.text_of(branch) for branch in tree.branches()}


def go_to(tree: BranchTree, branch: Branch) -> None:
    tree.go_to(BranchPosition(branch, branch.end))


def named(tree: BranchTree, text: str) -> Branch:
    """Return the branch with this text."""
    return next(branch for branch in tree.branches() if tree.text_of(branch) == text)


def opened(lines: list[str], documents: DocumentFormat) -> BranchTree:
    """Return the tree of a saved text."""
    saved = parse_lines(lines)
    tree = BranchTree(documents)
    append_turns(tree.transcript, saved.turn_texts, documents)
    saved.add_to(tree)
    return tree


def reread(tree: BranchTree, documents: DocumentFormat) -> BranchTree:
    """Return the tree that is read from what is saved of another one."""
    return opened(text_lines(tree, learns=False).splitlines(), documents)


def places(tree: BranchTree) -> list[tuple[str, str]]:
    """Names of branches and bookmarks, with the text of the branch, or that before the bookmark."""
    names = [(branch.name, tree.text_of(branch)) for branch in tree.branches() if branch.name]
    marks = [
        (bookmark.name, tree.text_of(branch, 0, bookmark.offset))
        for branch in tree.branches()
        for bookmark in branch.bookmarks
    ]
    return sorted(names + marks)


def test_what_is_cut_is_a_branch_and_every_part_is_stored_once(documents: DocumentFormat) -> None:
    tree = with_texts(documents, (0, "once upon a time"), (5, "there was"), (10, " is"), (3, "!"))
    texts = {"once upon a time", "once there was", "once there is", "onc!"}
    assert texts_of(tree) == texts
    for text in sorted(texts):
        go_to(tree, named(tree, text))
        assert tree.transcript.text == text and texts_of(tree) == texts
        assert sum(len(branch.tail.text) for branch in tree.branches()) == len("once upon a timethere was is!")


def test_a_text_that_was_only_cut_is_no_branch_of_its_own(documents: DocumentFormat) -> None:
    tree = with_texts(documents, (0, "once upon a time"))
    for place in (9, 5, 2):
        tree.cut(place)
    assert texts_of(tree) == {"on", "once upon a time"}
    (whole,) = tree.current.children
    assert tree.position == BranchPosition(whole, 2)
    go_to(tree, whole)
    assert texts_of(tree) == {"once upon a time"} and list(tree.branches()) == [whole]


def test_a_turn_that_is_cut_within_is_one_turn_again_with_its_seed_and_settings(documents: DocumentFormat) -> None:
    tree = BranchTree(documents)
    append(tree, "to be", "prompt")
    append(tree, " or not to be")
    tree.transcript.turns[-1].seed = 7
    before = list(tree.transcript.turn_texts())
    tree.cut(9)
    append(tree, "?")
    go_to(tree, named(tree, "to be or not to be"))
    assert list(tree.transcript.turn_texts()) == before
    tree.cut(9)
    other = reread(tree, documents)
    go_to(other, named(other, "to be or not to be"))
    assert list(other.transcript.turn_texts()) == before


def test_the_branches_left_longest_ago_go_first_unless_they_have_a_name_or_a_bookmark(
    documents: DocumentFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BRANCHES", 3)
    monkeypatch.setattr(module, "_ALWAYS_KEPT", 1)
    tree = with_texts(documents, (0, "x first"))
    tree.rename(tree.current, "the first")
    for text in ("marked", "third", "fourth", "fifth", "sixth"):
        tree.cut(2)
        append(tree, text)
        if text == "marked":
            tree.add_bookmark("here", 8)
    assert texts_of(tree) == {"x first", "x marked", "x fifth", "x sixth"}
    monkeypatch.setattr(module, "MAX_CHARACTERS", 12)
    tree.cut(2)
    assert texts_of(tree) == {"x ", "x first", "x marked", "x sixth"}  # the last one can always be gone back to


@pytest.mark.parametrize("text", ["once there was", "once there is", "once upon a time"])
def test_a_branch_that_is_deleted_leaves_the_others_and_can_be_restored(documents: DocumentFormat, text: str) -> None:
    tree = with_texts(documents, (0, "once upon a time"), (5, "there was"), (11, "is"), (3, "!"))
    texts = texts_of(tree)
    deleted = tree.delete(named(tree, text))
    assert texts_of(tree) == texts - {text}
    assert tree.restore(deleted) and texts_of(tree) == texts
    again = tree.delete(named(tree, text))
    go_to(tree, named(tree, "once there is" if text == "once there was" else "once there was"))
    append(tree, " more")
    assert tree.restore(again) and text in texts_of(tree)


def test_bookmarks_stay_at_their_places_whatever_becomes_of_their_branch(documents: DocumentFormat) -> None:
    tree = with_texts(documents, (0, "once upon a time"))
    for name, offset in (("start", 0), ("upon", 9), ("end", 16)):
        tree.add_bookmark(name, offset)
    expected = [("end", "once upon a time"), ("start", ""), ("upon", "once upon")]
    tree.cut(5)
    assert [bookmark.name for bookmark in tree.current.bookmarks] == ["start"] and places(tree) == expected
    append(tree, "there was")
    go_to(tree, named(tree, "once upon a time"))
    tree.cut(9)
    append(tree, "!")
    assert places(tree) == expected and places(reread(tree, documents)) == expected
    mark = tree.bookmark_at(9)
    assert mark is not None and tree.add_bookmark("renamed", 9) is mark
    owner = tree.current
    tree.remove_bookmark(owner, mark)
    go_to(tree, named(tree, "once there was"))
    assert tree.restore_bookmark(owner, mark) and ("renamed", "once upon") in places(tree)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["write", "write", "cut", "cut", "go", "stop short", "delete", "mark", "name", "model", "save"]
        ),
        st.integers(0, 40),
        st.text("ab .", min_size=1, max_size=5),
    ),
    max_size=16,
)


@given(ACTIONS)
@settings(max_examples=60, deadline=None)
def test_whatever_is_done_no_text_is_lost_and_no_part_stored_twice(
    models: list[LoadedLanguageModel], actions: list[tuple[str, int, str]]
) -> None:
    tree = BranchTree(models[0].documents)
    expected: set[str] = set()  # texts that were left
    marks: list[tuple[str, str]] = []
    for action, place, text in actions:
        branches, present = list(tree.branches()), tree.transcript.text
        branch = branches[place % len(branches)]
        match action:
            case "write":
                append(tree, text, "prompt" if place % 2 else "model")
            case "cut":
                expected.add(present)
                tree.cut(place)
            case "go":
                expected |= {present, tree.text_of(branch)}
                whole = tree.text_of(branch)
                assert tree.transcript_of(branch).text == whole
                go_to(tree, branch)
                assert tree.transcript.text == whole
            case "stop short":
                expected |= {present, tree.text_of(branch)}
                length = max(tree.shared_length(branch), branch.end - place)
                position = BranchPosition(branch, length)
                whole = tree.text_of(branch, 0, length)
                tree.go_to(position)
                assert tree.transcript.text == whole and tree.is_at(position)
                assert tree.is_at(tree.position)
            case "delete":
                if branch is not tree.current:
                    deleted = tree.delete(branch)
                    assert not tree.contains(branch) and tree.restore(deleted)
            case "mark":
                offset = min(place, len(present))
                if tree.bookmark_at(offset) is None:
                    tree.add_bookmark("mark", offset)
                    marks.append(("mark", present[:offset]))
            case "model":
                tree.use(models[place % 2].documents)
            case "save":
                other = reread(tree, tree.current.documents)
                assert texts_of(other) == texts_of(tree) and places(other) == places(tree)
                tree = other
        texts = texts_of(tree)
        assert all(any(text.startswith(left) for text in texts) for left in expected)
        assert places(tree) == sorted(marks)
        for branch in tree.branches():
            if branch.parent is not None:
                assert branch.tail.text and branch.start <= branch.parent.end
                if branch.parent is not tree.current:
                    assert branch.parent.start < branch.start < branch.parent.end


def test_a_tree_of_many_long_branches_is_saved_and_opened_fast_and_from_a_json_line_each(
    documents: DocumentFormat,
) -> None:
    tree = with_texts(documents, (0, "word " * 400))
    for index in range(60):
        tree.cut(1000)
        append(tree, f"{index} " * 100)
    lines = text_lines(tree, learns=True).splitlines()
    assert sum("branch" in json.loads(line) for line in lines) == 60
    other = reread(tree, documents)
    assert texts_of(other) == texts_of(tree)


GOOD = '{"role": "model", "text": "abc", "run": "x"}\n{"current": 2, "name": "", "learns": false}\n'


@pytest.mark.parametrize(
    "line",
    [
        '{"branch": 2, "parent": 2, "start": 1, "name": "", "turns": [{"role": "model", "text": "x"}]}',
        '{"current": 3, "name": "", "learns": false}',
        '{"branch": 3, "parent": 4, "start": 1, "name": "", "turns": [{"role": "model", "text": "x"}]}',
        '{"branch": 3, "parent": 2, "start": -1, "name": "", "turns": [{"role": "model", "text": "x"}]}',
        '{"branch": 3, "parent": 2, "start": 1, "name": 4, "turns": [{"role": "model", "text": "x"}]}',
        '{"branch": 3, "parent": 2, "start": 1, "name": "", "turns": []}',
        '{"branch": true, "parent": 2, "start": 1, "name": "", "turns": [{"role": "model", "text": "x"}]}',
        '{"bookmark": "x", "branch": 7, "offset": 1}', '{"bookmark": "x", "branch": 2, "offset": 1.5}',
        '{"current": "x"}', "{}", "[]", "3", '"turns"', '{"unsent": 3, "rating": 5}', '{"edited": null, "rating": 5}',
        '{"bookmark": "x", "rating": 5}', '{"branch": 3, "turns": [], "rating": 5}', '{"branch": 3, "parent": 2}',
        '{"role": "model", "rating": 5}', '{"role": 3, "text": "x"}', '{"text": "x", "run": "x"}',
    ],
)  # fmt: skip
def test_a_line_that_is_no_branch_is_named(line: str) -> None:
    with pytest.raises(SavedLineError, match="line 3 is not"):
        parse_lines((GOOD + line).splitlines())


def test_lines_of_kinds_that_only_another_version_knows_are_kept_as_they_are(documents: DocumentFormat) -> None:
    tree = with_texts(documents, (0, "once upon a time"), (5, "there was"))
    known = text_lines(tree, learns=False)
    unknown = ['{"rating":  5, "turn": 1}', '{"note": "\\u00e9"}']
    unknown += ['{"rating":5,"branch":2,"offset":1}', '{"rating":5,"text":"good"}', '{"role":"tool","text":"3"}']
    lines = known.splitlines()
    mixed = [unknown[0], *lines, *unknown[1:], '{"unsent": "a line"}']
    saved = parse_lines(mixed)
    assert saved.unsent == "a line" and [line.text for line in saved.unknown_lines] == unknown
    again = opened(mixed, documents)
    assert texts_of(again) == texts_of(tree)
    assert text_lines(again, learns=False).splitlines() == [unknown[0], *lines, *unknown[1:]]
    with pytest.raises(SavedLineError, match="line 1 is not"):
        parse_lines(unknown)  # a data set, rather than a text


def test_lines_of_another_version_stay_where_they_stand(documents: DocumentFormat) -> None:
    tree = BranchTree(documents)
    for role, text in (("prompt", "one "), ("model", "two "), ("prompt", "three "), ("model", "four")):
        append(tree, text, role)
    tree.add_bookmark("near", 5)
    tree.add_bookmark("far", 10)
    for role, text in (("model", "five"), ("model", "six")):
        tree.cut(14)
        append(tree, text, role)
    lines = text_lines(tree, learns=False).splitlines()
    kinds = ["role", "role", "role", "role", "current", "branch", "branch", "bookmark", "bookmark"]
    assert [next(iter(json.loads(line))) for line in lines] == kinds
    unknown = [f'{{"later": {index}}}' for index in range(len(lines))]
    mixed = ['{"format":  9}', *(line for pair in zip(lines, unknown, strict=True) for line in pair)]
    mixed[5:5] = ['{"role": "tool", "text": "3"}']  # between the second turn and the third
    unknown += [mixed[0], mixed[5]]

    def written() -> list[str]:
        return text_lines(again, learns=False).splitlines()

    def places(lines: list[str]) -> dict[str, str]:
        """The line before each unknown one."""
        return {line: before for before, line in zip(["", *lines], lines, strict=False) if line in unknown}

    again = opened(mixed, documents)
    assert places(written()) == places(mixed) and written()[:11] == mixed[:11]
    append(again, "and on", "prompt")
    again.add_bookmark("new", 3)
    assert places(written()) == places(mixed)
    go_to(again, named(again, "one two three four"))
    again.rename_bookmark(again.current.bookmarks[0], "other")
    again.cut(6)
    assert len(written()) == len(set(written())) and set(written()) > set(unknown), "what they followed is gone"


def test_a_branch_that_begins_behind_its_parent_is_kept(documents: DocumentFormat) -> None:
    """An edited file: the text before the branch is shorter than it was."""
    line = '{"branch": 3, "parent": 2, "start": 99, "name": "", "turns": [{"role": "model", "text": "x"}]}\n'
    other = line.replace('"branch": 3, "parent": 2', '"branch": 4, "parent": 3')
    mark = '{"bookmark": "far", "branch": 4, "offset": 9999}\n'
    saved = parse_lines((GOOD + line + other + mark).splitlines())
    tree = BranchTree(documents)
    append_turns(tree.transcript, saved.turn_texts, documents)
    saved.add_to(tree)
    assert texts_of(tree) == {"abc", "abcx"} and places(tree) == [("far", "abcx")]
    for branch in list(tree.branches()):
        go_to(tree, branch)


def drawn(tree: BranchTree) -> list[str]:
    """The outline, a line for each row."""
    return [
        f"{row.lines}{row.name or row.excerpt}" + (" *" if row.branch is tree.current and row.bookmark is None else "")
        for row in outline(tree)
    ]


def test_the_outline_is_the_same_on_whichever_branch_one_is(documents: DocumentFormat) -> None:
    tree = with_texts(documents, (0, "once upon a time"), (5, "there was"), (11, "is"), (3, "!"))
    tree.add_bookmark("mark", 2)
    expected = ["once upon a time", "├ mark", "├ !", "└ there was", "  └ is"]
    for text in ("once there is", "once upon a time", "once there was", "onc!"):
        go_to(tree, named(tree, text))
        assert [row.removesuffix(" *") for row in drawn(tree)] == expected
        (current,) = [row for row in outline(tree) if row.branch is tree.current and row.bookmark is None]
        assert current.excerpt and tree.transcript.text.endswith(current.excerpt)
        assert current.length == len(current.excerpt) and current.run == "tiny" and current.bits is None
    tree.cut(1)  # where the present text is only the start of the others, it has a row all the same
    assert drawn(tree)[:2] == ["once upon a time", "├  *"]
    assert [row.offset for row in outline(tree)] == [0, 1, 2, 3, 5, 11]


def test_branches_are_read_and_compared_by_the_present_model_from_where_they_part(
    models: list[LoadedLanguageModel],
) -> None:
    conversation = Conversation(models[0], "tiny")
    conversation.generation = replace(conversation.generation, length=0)
    tree = conversation.tree
    conversation.say("the sea was old and the man was old " * 8)
    whole = conversation.transcript.text
    while conversation.is_busy:
        conversation.work(0.0)
    conversation.rewind(100)
    conversation.say("zzz and the sea")
    while conversation.is_busy:
        conversation.work(0.0)
    read = reread(tree, models[0].documents)  # from a file, so no surprisal is known
    conversation.tree = read
    result = compare(conversation, read.current, named(read, whole))
    assert result.shared == 100 and result.transcripts[1].text == whole
    for branch, transcript in zip(result.branches, result.transcripts, strict=True):
        assert read.bits_per_character(branch, 100) is None
        bits = bits_per_character(conversation, transcript, 100, lambda: False)
        original = tree.bits_per_character(named(tree, transcript.text), 100)
        assert bits is not None and bits == pytest.approx(original, rel=1e-3)
    unread = compare(conversation, read.current, named(read, whole)).transcripts[1]
    assert bits_per_character(conversation, unread, 100, lambda: True) is None


def test_undo_and_redo_go_through_branches_and_lose_none(models: list[LoadedLanguageModel]) -> None:
    conversation = Conversation(models[0], "tiny")
    conversation.generation = replace(conversation.generation, length=0)
    conversation.say("once upon a time")
    conversation.rewind(5)
    conversation.say("there was")
    tree = conversation.tree
    first, second = named(tree, "once upon a time"), tree.current
    conversation.go_to(first)
    conversation.go_to(first)  # changes nothing, and is nothing to undo
    assert conversation.undo() and tree.current is second
    assert conversation.redo() and tree.current is first
    conversation.say("more")
    assert conversation.undo() and conversation.undo()
    assert conversation.transcript.text == "once upon a time"  # as it was before the rewind
    assert texts_of(tree) == {"once upon a time", "once upon a time\nmore", "once \nthere was"}
    assert not conversation.undo()
    tree.delete(named(tree, "once \nthere was"))
    assert not conversation.redo() or conversation.transcript.text.startswith("once upon a time")
