"""`rnntui inspect`: the group of the commands that look inside models."""

from __future__ import annotations

import click

from rnntui.cli.lazy_group import LazyGroup

INSPECTIONS = {
    "gradients": "From how far back a model can learn: the gradient, step by step.",
    "context": "How far back a model looks: the loss by the length of its context.",
    "clipping": "How long the gradients of a training were, and how often they were cut.",
    "novelty": "What a model copies word for word from its training text.",
    "attention": "Where a Seq2Seq model looks in the source as it writes.",
    "units": "What single units and gates track: quotes, brackets, the line, the speaker.",
    "step": "One step of the cell: every gate's vector beside its equation.",
}
"""A line about each command; the module of a command is `inspect_NAME`."""


@click.group(cls=LazyGroup, descriptions=INSPECTIONS, prefix="inspect_")
def command() -> None:
    """Look inside a trained model.

    Each command draws a chart here and says in sentences what is seen. --json writes its numbers, --svg and --png save
    it as a picture. The tab Inspect of the app shows the same. None needs torch unless it says so.
    """
