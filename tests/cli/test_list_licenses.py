"""`rnntui licenses`."""

from __future__ import annotations

import json


def test_the_list_has_libraries_models_and_corpora_and_what_must_be_said(rnntui) -> None:
    result = rnntui("licenses")
    assert result.code == 0 and result.err == ""
    libraries, models, corpora = (result.out.index(f"{title}\n") for title in ("Libraries", "Models", "Corpora"))
    assert libraries < result.out.index("  textual ") < models < result.out.index("  en-es ") < corpora
    assert result.out.count("https://creativecommons.org/licenses/by/2.0/fr/") == 1


def test_json_has_a_line_for_each(rnntui) -> None:
    result = rnntui("licenses", "--json")
    records = [json.loads(line) for line in result.out.splitlines()]
    assert {record["kind"] for record in records} == {"library", "model", "corpus"}
    assert all(record["name"] and record["license"] for record in records)
    assert records[0]["name"] == "rnntui" and records[0]["license"] == "MIT"
