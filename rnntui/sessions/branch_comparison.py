"""Two branches of a text side by side: where they part, and how probable a model finds each from there on."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnntui.inference.scoring import log_probabilities
from rnntui.sessions.branch_tree import Branch
from rnntui.sessions.conversation import Conversation
from rnntui.sessions.transcript import Transcript

_READ_AT_ONCE = 256  # tokens


@dataclass(frozen=True)
class BranchComparison:
    """Two branches, their texts in tokens of the present model, and the length of what they share, in characters."""

    branches: tuple[Branch, Branch]
    transcripts: tuple[Transcript, Transcript]
    shared: int


def compare(conversation: Conversation, left: Branch, right: Branch) -> BranchComparison:
    """Return two branches of a conversation as they are to be compared."""
    transcripts = conversation.tree.transcript_of(left), conversation.tree.transcript_of(right)
    texts = [transcript.text for transcript in transcripts]
    return BranchComparison((left, right), transcripts, len(os.path.commonprefix(texts)))  # noqa: RUF071


def bits_per_character(
    conversation: Conversation, transcript: Transcript, start: int, cancelled: Callable[[], bool]
) -> float | None:
    """Return the mean surprisal of a branch's text from an offset on, to the conversation's present model.

    What no model has read yet is read here, which may take seconds. Called in a thread of its own. Returns None if
    there is no text, or if `cancelled` returned True.
    """
    first_token = transcript.token_at(start)
    unread = transcript.first_unread(first_token)
    if unread is not None:
        position, checkpoint = conversation.checkpoint_before(transcript, unread)
        network, state = checkpoint.network, checkpoint.state
        logits = network.logits_of(state)
        while position < len(transcript):
            if cancelled():
                return None
            ids = transcript.ids(position, position + _READ_AT_ONCE)
            next_logits, state = network.forward(ids[:, None], state)
            transcript.set_bits(position, log_probabilities(logits, next_logits, ids) / -np.log(2.0))
            logits, position = next_logits[-1], position + len(ids)
    bits, characters = transcript.surprisal(conversation.loaded.tokenizer.unknown_id, first_token)
    return bits / characters if characters else None
