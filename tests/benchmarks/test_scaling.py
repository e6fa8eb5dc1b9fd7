"""The fit of scaling laws, and the tables of SCALING.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).resolve().parents[2] / "SCALING.md"


def test_the_fit_finds_the_law_that_losses_were_made_by() -> None:
    import scaling

    law = scaling.Law(1.1, 30.0, 400.0, 0.35, 0.5)
    points = [(n, d) for n in (4e4, 4e5, 1e6, 4e6) for d in (2e5, 8e5, 4e6)]
    found, error = scaling.fit([{"parameters": n, "tokens": d, "loss": law.loss(n, d)} for n, d in points])
    assert error < 1e-3
    assert found.alpha == pytest.approx(0.35, abs=0.03) and found.beta == pytest.approx(0.5, abs=0.03)
    assert found.loss(1e7, 1e8) == pytest.approx(law.loss(1e7, 1e8), abs=0.02)


def test_coefficients_are_never_negative() -> None:
    import scaling

    columns = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    coefficients, error = scaling.non_negative_least_squares(columns, np.array([3.0, 2.0, 1.0]))
    assert coefficients == pytest.approx([2.0, 0.0]) and error == pytest.approx(2.0)


def test_the_page_has_the_tables_of_the_measurements() -> None:
    import scaling

    page = PAGE.read_text(encoding="utf-8")
    tables = scaling.tables(scaling.read(scaling.ROWS), scaling.read(scaling.STEPS))
    for name in ("costs", "steps"):  # the others have the last digits of a fit, which differ between processors
        assert f"<!-- {name} -->\n\n{tables[name]}\n\n<!-- /{name} -->" in page, "benchmarks/scaling.py fit --write"
    checks = [row for row in scaling.read(scaling.ROWS) if row["name"].startswith(scaling.CHECK)]
    assert checks and f"| {checks[-1]['tokens']:,} | {checks[-1]['loss']:.3f} |" in page


def test_a_page_without_a_marker_is_not_rewritten(tmp_path: Path) -> None:
    import scaling

    page = tmp_path / "page.md"
    page.write_text("before\n<!-- costs -->\nold\n<!-- /costs -->\nafter\n")
    scaling.write(page, {"costs": "| new |"})
    text = page.read_text()
    assert text == "before\n<!-- costs -->\n\n| new |\n\n<!-- /costs -->\nafter\n"
    for broken in (text.replace("<!-- /costs -->", ""), text.replace("<!-- costs -->", "")):
        page.write_text(broken)
        with pytest.raises(ValueError, match=r"the page has no <!-- /?costs -->"):
            scaling.write(page, {"costs": "| newer |"})
        assert page.read_text() == broken
