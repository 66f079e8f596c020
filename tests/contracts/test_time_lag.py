"""The time lag that is stated lies within its error of the truth: a small share of bench.truth."""

from __future__ import annotations

import pytest

from bench.truth import measure, table

pytestmark = pytest.mark.kafka


def test_the_stated_interval_holds_the_true_time_lag(apache: str) -> None:
    samples = measure(apache, ["steady", "bursts", "quiet", "aborted", "rewound", "overtaken", "stamps-of-1970"], 25, 2)
    known = [s for s in samples if s.stated is not None]
    print(table(samples))
    assert {s.case for s in known} == {s.case for s in samples}
    assert min(s.stated or 0.0 for s in known) >= 0
    outside = [s for s in known if not s.inside(s.as_sampled)]
    assert len(outside) <= 0.01 * len(known), outside
    assert max(s.off for s in known) < 10, table(samples)
