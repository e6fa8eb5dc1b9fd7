"""Learning rates of a classifier's layers after a warm start: gradual unfreezing, discriminative fine-tuning.

Source: Howard and Ruder 2018, ULMFiT, sections 3.2 and 3.3.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from rnntui.config_classifier import ClassifierTrainingConfig
from rnntui.models.classifier import Classifier
from rnntui.training.task import ParameterGroup


def parameter_groups(
    model: Classifier, pretrained: Collection[str], settings: ClassifierTrainingConfig, epoch: Callable[[], float]
) -> list[ParameterGroup]:
    """Return the weights of a classifier in groups: new ones first, then pretrained layers from the top downwards.

    The weights of n-grams do not decay: an n-gram has its turn only in the few texts that it occurs in.

    Each pretrained layer begins to learn `unfreeze_epochs` after the one above it (gradual unfreezing), at a learning
    rate that is lower by the factor `layer_rate_decay` (discriminative fine-tuning).

    Args:
        model: the classifier.
        pretrained: names of its pretrained weights; empty if it began from random ones.
        settings: settings of the training.
        epoch: returns the number of epochs that are done.
    """
    layers = model.config.layers
    groups: list[list[str]] = [[] for _ in range(layers + 2)]
    ngrams = [] if model.ngrams is None else [ParameterGroup(list(model.ngrams.parameters()), weight_decay=0.0)]
    for name, _ in model.named_parameters():
        if name.startswith("ngrams."):
            continue
        depth = 0
        if name in pretrained and name.startswith("encoder."):  # the output, too, may be that of a classifier
            is_embedding = name.startswith("encoder.embedding")
            depth = layers + 1 if is_embedding else layers - int(name.split(".")[2])
        groups[depth].append(name)
    parameters = dict(model.named_parameters())
    return ngrams + [
        ParameterGroup([parameters[name] for name in names], _factor(depth, settings, epoch))
        for depth, names in enumerate(groups)
        if names
    ]


def _factor(depth: int, settings: ClassifierTrainingConfig, epoch: Callable[[], float]) -> Callable[[], float]:
    """Return the function of the learning rate's factor for the weights at a depth below the new ones."""
    rate, begin = settings.layer_rate_decay**-depth, depth * settings.unfreeze_epochs
    return lambda: rate if epoch() >= begin else 0.0
