"""Rivals of the classifier: logistic regression on TF-IDF n-grams, and the recurrent recipe that tutorials print."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, cross_entropy

PADDED_TO = 50
_PADDING, _UNKNOWN = 0, 1


class Labelled(NamedTuple):
    """Texts and their labels, `(N,)` each."""

    texts: Sequence[str]
    labels: Sequence[str]

    @property
    def has_single_words(self) -> bool:
        """True for names and the like, which recipes read character by character."""
        return sum(text.count(" ") + 1 for text in self.texts) < 2 * len(self.texts)


class Prediction(NamedTuple):
    """Predicted labels, and seconds of training."""

    labels: list[str]
    seconds: float


def predict_linear(training: Labelled, test: Labelled, analyzer: str, c: float) -> Prediction:
    """Train scikit-learn's logistic regression on sublinear TF-IDF and predict.

    Args:
        training: texts to train on.
        test: texts to predict the labels of.
        analyzer: `word` for 1 to 2 words, punctuation marks among them; `char` for 1 to 5 characters.
        c: inverse of the L2 penalty.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    orders = (1, 5) if analyzer == "char" else (1, 2)
    began = time.perf_counter()
    vectorizer = TfidfVectorizer(analyzer=analyzer, ngram_range=orders, sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
    model = LogisticRegression(C=c, max_iter=1000).fit(vectorizer.fit_transform(training.texts), training.labels)
    seconds = time.perf_counter() - began
    return Prediction(model.predict(vectorizer.transform(test.texts)).tolist(), seconds)


@dataclass(frozen=True)
class RecipeSizes:
    """Sizes of the tutorial's model and its batches; these are the usual ones."""

    embedding: int = 100
    hidden: int = 100
    is_bidirectional: bool = False
    batch: int = 64


class TutorialRecipe(nn.Module):
    """Embedding, LSTM, last state, sigmoid (softmax for more than two labels), all texts padded to 50 tokens, no mask.

    The padding comes first, as Keras puts it by default: after the text, the last state would have forgotten it.
    """

    def __init__(self, training: Labelled, sizes: RecipeSizes) -> None:
        super().__init__()
        self._split: Callable[[str], list[str]] = list if training.has_single_words else str.split
        self.labels = sorted(set(training.labels))
        counts = Counter(token for text in training.texts for token in self._split(text.lower()))
        self._ids = {token: index + 2 for index, (token, _) in enumerate(counts.most_common())}
        self._sizes = sizes
        outputs = len(self.labels) if len(self.labels) > 2 else 1
        self.embedding = nn.Embedding(len(self._ids) + 2, sizes.embedding)
        self.lstm = nn.LSTM(sizes.embedding, sizes.hidden, batch_first=True, bidirectional=sizes.is_bidirectional)
        self.output = nn.Linear(sizes.hidden * (2 if sizes.is_bidirectional else 1), outputs)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Return token ids `(N, 50)`."""
        rows = torch.full((len(texts), PADDED_TO), _PADDING)
        for row, text in zip(rows, texts, strict=True):
            ids = [self._ids.get(token, _UNKNOWN) for token in self._split(text.lower())][:PADDED_TO]
            row[PADDED_TO - len(ids) :] = torch.tensor(ids, dtype=torch.long)
        return rows

    def targets(self, labels: Sequence[str]) -> Tensor:
        """Return the indices of labels `(N,)`."""
        return torch.tensor([self.labels.index(label) for label in labels])

    def forward(self, ids: Tensor) -> Tensor:
        """Return probabilities `(B, K)` for ids `(B, 50)`; `(B, 1)`, those of the second label, for two labels."""
        _, (final, _) = self.lstm(self.embedding(ids))
        logits: Tensor = self.output(torch.cat(list(final), dim=1))
        return logits.softmax(dim=1) if len(self.labels) > 2 else torch.sigmoid(logits)

    def loss(self, ids: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        if len(self.labels) == 2:
            return binary_cross_entropy(self(ids)[:, 0], targets.float())
        return cross_entropy(self(ids).clamp(min=1e-9).log(), targets)

    def train_epoch(self, ids: Tensor, targets: Tensor, optimizer: torch.optim.Optimizer, steps: int) -> None:
        """Train on random batches, `steps` at most."""
        for rows in torch.randperm(len(ids)).split(self._sizes.batch)[:steps]:
            loss = self.loss(ids[rows], targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    @torch.no_grad()
    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return the most probable label of each text."""
        probabilities = torch.cat([self(ids) for ids in self.encode(texts).split(256)])
        if len(self.labels) == 2:
            return [self.labels[int(one > 0.5)] for one in probabilities[:, 0]]
        return [self.labels[int(index)] for index in probabilities.argmax(dim=1)]


def predict_recipe(training: Labelled, test: Labelled, epochs: Sequence[int], seed: int) -> list[Prediction]:
    """Train the tutorial's recipe with Adam at its default rate; return a prediction after each number of epochs."""
    torch.manual_seed(seed)
    began = time.perf_counter()
    recipe = TutorialRecipe(training, RecipeSizes())
    optimizer = torch.optim.Adam(recipe.parameters(), lr=1e-3)
    ids, targets = recipe.encode(training.texts), recipe.targets(training.labels)
    predictions = []
    for epoch in range(1, max(epochs) + 1):
        recipe.train_epoch(ids, targets, optimizer, len(ids))
        if epoch in epochs:
            seconds = time.perf_counter() - began
            predictions.append(Prediction(recipe.predict(test.texts), seconds))
            began += time.perf_counter() - began - seconds  # predicting is not training
    return predictions
