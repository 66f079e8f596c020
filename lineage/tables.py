"""The tables of the lake: their columns, and what makes a row's key. Each row stands under a tick."""

from __future__ import annotations

# Columns after ``tick`` and ``t`` (the tick's time). INT holds None as -1 on its way in: no offset or time is negative.
INT, REAL, TEXT = "BIGINT", "DOUBLE", "VARCHAR"
TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    "logs": (("topic", INT), ("part", INT), ("log_start", INT), ("log_end", INT), ("seen_at", INT)),
    "positions": (
        ("grp", INT),
        ("topic", INT),
        ("part", INT),
        ("committed", INT),
        ("committed_at", INT),
        ("moved_at", INT),
        ("behind_since", INT),
        ("error", REAL),
    ),
    "lag": (
        ("grp", INT),
        ("topic", INT),
        ("lag", INT),
        ("behind_since", INT),
        ("error", REAL),
        ("verdict", TEXT),
        ("reason", TEXT),
        ("rules_version", INT),
        ("since", INT),
        ("unread", INT),
        ("rate_in", REAL),
        ("rate_out", REAL),
        ("catch_up", REAL),
        ("loss_in", REAL),
        ("members", INT),
        ("sampled_at", INT),
        ("last_commit", INT),
        ("parts", INT),
    ),
    "numbers": (("subject", TEXT), ("metric", TEXT), ("value", REAL)),
    "totals": (("subject", TEXT), ("lag", INT)),
    # At the end of each whole minute (lineage.minutes), for alert rules.
    "group_minutes": (
        ("minute", INT),
        ("grp", INT),
        ("topic", INT),
        ("verdict", TEXT),
        ("lag", INT),
        ("unread", INT),
        ("time_lag", REAL),
        ("rate_in", REAL),
        ("rate_out", REAL),
        ("loss_in", REAL),
        ("members", INT),
    ),
    "subject_minutes": (("minute", INT), ("subject", TEXT), ("metric", TEXT), ("value", REAL)),
}
ORDER = {"logs": "topic, part", "positions": "grp, topic, part", "lag": "grp, topic", "numbers": "subject, metric"}
ORDER["totals"] = "subject"
ORDER |= {"group_minutes": "grp, topic, minute", "subject_minutes": "metric, subject, minute"}


def columns_of(table: str) -> str:
    """The columns of TABLES, for a SELECT."""
    return ", ".join(c for c, _ in TABLES[table])
