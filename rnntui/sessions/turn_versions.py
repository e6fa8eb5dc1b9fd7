"""Versions of the last turn: the branches that part from each other in what the model has written last."""

from __future__ import annotations

from rnntui.sessions.branch_tree import Branch, BranchTree


def versions_of_last_turn(tree: BranchTree) -> list[Branch]:
    """Return the current branch and those that part from it at the last fork, in the order in which they were begun.

    Only forks after the person's last turn count, and branches that the model goes on with. Without any, the result is
    empty. A fork at the end of the text counts once the turn there has begun.
    """
    transcript = tree.transcript
    end, prompt_end = len(transcript.text), _prompt_end(tree)
    has_begun = bool(transcript.turns) and transcript.turns[-1].start == len(transcript)
    forks = {child.start for child in tree.current.children if _begins_with_model(child)}
    fork = max((fork for fork in forks if prompt_end <= fork and (fork < end or has_begun)), default=None)
    if fork is None:
        return []
    siblings = [child for child in tree.current.children if child.start == fork and _begins_with_model(child)]
    return sorted([*siblings, tree.current], key=lambda branch: branch.first_number(fork))


def _prompt_end(tree: BranchTree) -> int:
    """Return the offset at which the person's last turn ends."""
    transcript = tree.transcript
    end = len(transcript)
    for turn in reversed(transcript.turns):
        if turn.role == "prompt" and turn.start < end:
            break
        end = turn.start
    else:
        return 0
    return transcript.start_of(end)


def _begins_with_model(branch: Branch) -> bool:
    return bool(branch.tail.turns) and branch.tail.turns[0].role == "model"
