#!/usr/bin/env bash
# scikit-learn 1.9.1, pandas 3.1.1, Python 3.11
#
# Guess: TfidfVectorizer of a DataFrame with one column of texts gives a row for each text, as other transformers do, or
#   refuses it.
# Seen: it reads the name of the column as the only text. Three reviews become one row with one word, "review", without a
#   warning; the same in a ColumnTransformer that names its column as ["review"], and not "review".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check scikit-learn==1.9.1 pandas==3.1.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import pandas
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer

table = pandas.DataFrame({"review": ["a warm film", "a dull film", "good"]})
vectorizer = TfidfVectorizer()
shapes = [vectorizer.fit_transform(table).shape]
words = list(vectorizer.vocabulary_)
for columns in (["review"], "review"):
    transformer = ColumnTransformer([("words", TfidfVectorizer(), columns)])
    shapes.append(transformer.fit_transform(table).shape)
print(f"DataFrame: {shapes[0]}, words {words}; ColumnTransformer with ['review']: {shapes[1]}, with 'review': {shapes[2]}")
sys.exit((shapes, words) != ([(1, 1), (1, 1), (3, 4)], ["review"]))
PYTHON
