"""What an alert rule asks: a metric, a comparison, a scope, for how long. Pure; the lake compiles it to SQL.

A definition is JSON as a person writes it; ``parse`` says in a sentence what is wrong with one.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from lineage.verdicts import VERDICTS

SEVERITIES = ("info", "warning", "critical")
SCOPE = ("cluster", "team", "service", "topic", "group")
LONGEST = 7 * 86_400.0  # seconds that a rule may wait
MOST_VALUE = 1e15
MOST_GLOBS, LONGEST_TEXT = 50, 300


class Metric(NamedTuple):
    """What can be asked of a kind of subject; ``ops`` that make sense, ``unit`` and ``words`` for people."""

    on: str
    ops: tuple[str, ...]
    unit: str
    words: str


LEVELS, ABOVE, BELOW = ("above", "below"), ("above",), ("below",)
METRICS: Mapping[str, Metric] = {
    "verdict": Metric("group", ("is",), "", "verdict"),
    "time_lag": Metric("group", LEVELS, "s", "time lag"),
    "lag": Metric("group", LEVELS, "records", "lag"),
    "unread": Metric("group", LEVELS, "records", "unread records"),
    "rate_in": Metric("group", LEVELS, "/s", "records arriving"),
    "rate_out": Metric("group", LEVELS, "/s", "records read"),
    "loss_in": Metric("group", BELOW, "s", "time to loss"),
    "members": Metric("group", LEVELS, "", "members"),
    "rate": Metric("topic", LEVELS, "/s", "records written"),
    "rate_vs_week": Metric("topic", LEVELS, "of the same hour last week", "records written"),
    "writers": Metric("topic", ABOVE, "", "named writers"),
    "unknown_writer": Metric("topic", ABOVE, "", "unknown writers"),
    "offline": Metric("cluster", ABOVE, "", "partitions offline"),
    "under_replicated": Metric("cluster", ABOVE, "", "partitions under-replicated"),
    "below_min_isr": Metric("cluster", ABOVE, "", "partitions below min ISR"),
    "brokers_missing": Metric("cluster", ABOVE, "", "brokers missing"),
    "down": Metric("cluster", ABOVE, "", "unreachable"),
    "stale": Metric("collector", ABOVE, "", "overdue"),
    "failing": Metric("collector", ABOVE, "", "failing"),
    "failed": Metric("connector", ABOVE, "", "failed"),
    "new_reader": Metric("change", ("is",), "", "a new reader"),
    "new_writer": Metric("change", ("is",), "", "a new writer"),
    "vanished": Metric("change", ("is",), "", "something vanished"),
}
FLAGS = ("unknown_writer", "down", "stale", "failing", "failed")  # there or not: "above 0"


@dataclass(frozen=True)
class Definition:
    """A rule as it is evaluated. ``value``: a number, verdicts, or kinds of nodes; ``wait``, ``keep`` are seconds."""

    metric: str
    op: str
    value: float | tuple[str, ...]
    scope: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wait: float = 0.0
    keep: float = 0.0
    severity: str = "warning"
    channels: tuple[str, ...] = ()

    @property
    def on(self) -> str:
        """The kind of its subjects."""
        return METRICS[self.metric].on

    @property
    def threshold(self) -> float | None:
        """The number that it compares with, None for one of words."""
        return self.value if isinstance(self.value, float) else None

    def holds(self, value: float | str | None) -> bool:
        """Whether a value fulfils it; unknown never does."""
        if value is None:
            return False
        if isinstance(self.value, tuple):
            return value in self.value
        return float(value) > self.value if self.op == "above" else float(value) < self.value


def parse(given: Mapping[str, Any]) -> Definition:
    """The definition in JSON. Raises ValueError with a sentence that names the field and what may stand there."""
    _known("a rule", given, ("on", "metric", "op", "value", "scope", "for", "keep", "severity", "channels"))
    name = _one_of("metric", given.get("metric"), METRICS)
    metric = METRICS[name]
    if given.get("on", metric.on) != metric.on:
        raise ValueError(f"on: {name} is a metric of a {metric.on}, not of {given['on']!r}")
    op = _one_of("op", given.get("op", metric.ops[0]), metric.ops)
    severity = _one_of("severity", given.get("severity", "warning"), SEVERITIES)
    return Definition(
        name, op, _value(name, op, given.get("value")), _scope(given.get("scope") or {}),
        _seconds("for", given.get("for", 0)), _seconds("keep", given.get("keep", 0)), severity,
        _texts("channels", given.get("channels") or []),
    )  # fmt: skip


def as_json(d: Definition) -> dict[str, Any]:
    """The same as ``parse`` reads it."""
    value = list(d.value) if isinstance(d.value, tuple) else d.value
    given = {"on": d.on, "metric": d.metric, "op": d.op, "value": value, "for": d.wait, "keep": d.keep}
    scope = {k: list(v) for k, v in d.scope.items()}
    return {**given, "scope": scope, "severity": d.severity, "channels": list(d.channels)}


def in_scope(scope: Mapping[str, Sequence[str]], known: Mapping[str, str | None]) -> bool:
    """Whether every globbed name of the scope fits; what has no such name (a cluster has no topic) does not fit."""
    return all(any(fnmatchcase(known.get(k) or "", g) for g in globs) for k, globs in scope.items() if globs)


def sentence(d: Definition) -> str:
    """The rule in words: "verdict of a group on payments.* is stopped for 5 min"."""
    metric = METRICS[d.metric]
    where = "".join(f", {k} {' or '.join(v)}" for k, v in d.scope.items() if v)
    held = f" for {span(d.wait)}" if d.wait else ""
    return f"{_asked(d, metric)}{where}{held}"


def _asked(d: Definition, metric: Metric) -> str:
    if metric.on == "change":
        kinds = d.value if isinstance(d.value, tuple) else ()
        return f"{metric.words}{': ' + ' or '.join(kinds) if kinds else ''}"
    if isinstance(d.value, tuple):
        return f"{metric.words} of a {metric.on} is {' or '.join(v.replace('_', ' ') for v in d.value)}"
    if d.metric in FLAGS and d.value == 0:
        return f"a {metric.on} with {metric.words}" if metric.on == "topic" else f"a {metric.on} is {metric.words}"
    return f"{metric.words} of a {metric.on} {d.op} {shown(d.metric, d.value)}"


def shown(metric: str, value: float) -> str:
    """A value with its unit: "6 h", "1200 records", "50 % of the same hour last week"."""
    unit = METRICS[metric].unit
    if unit == "s":
        return span(value)
    if metric == "rate_vs_week":
        return f"{value * 100:.0f} % {unit}"
    return f"{value:g}{unit}" if unit == "/s" else f"{value:g} {unit}".strip()


def span(seconds: float) -> str:
    """Seconds in the largest unit that is whole, else to the second."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:g} s"


def _value(metric: str, op: str, given: Any) -> float | tuple[str, ...]:
    if metric == "verdict":
        words = _texts("value", given if isinstance(given, list) else [given])
        return tuple(_one_of("value", w, VERDICTS) for w in words)
    if METRICS[metric].on == "change":
        return _texts("value", given if isinstance(given, list) else [given] if given else [])
    if metric in FLAGS and given is None:
        return 0.0
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= MOST_VALUE:
        raise ValueError(f"value: {metric} {op} takes a number from 0 to {MOST_VALUE:g}, not {given!r}")
    return float(given)


def _scope(given: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(given, Mapping):
        raise ValueError(f"scope: names with globs are expected, {', '.join(SCOPE)}; not {given!r}")
    _known("scope", given, SCOPE)
    return {k: globs for k, v in given.items() if (globs := _texts(f"scope.{k}", v if isinstance(v, list) else [v]))}


def _known(what: str, given: Mapping[str, Any], names: Sequence[str]) -> None:
    for key in given:
        if key not in names:
            near = difflib.get_close_matches(str(key), names, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(names)}"
            raise ValueError(f"{what} has no {str(key)[:60]!r}{hint}")


def _one_of(what: str, given: Any, names: Sequence[str] | Mapping[str, Any]) -> str:
    if not isinstance(given, str) or given not in names:
        raise ValueError(f"{what}: expected one of {', '.join(names)}, not {str(given)[:60]!r}")
    return given


def _texts(what: str, given: Any) -> tuple[str, ...]:
    fine = isinstance(given, list) and all(isinstance(g, str) and 0 < len(g) <= LONGEST_TEXT for g in given)
    if not fine or len(given) > MOST_GLOBS:
        raise ValueError(f"{what}: at most {MOST_GLOBS} texts are expected, not {str(given)[:60]!r}")
    return tuple(given)


def _seconds(what: str, given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= LONGEST:
        raise ValueError(f"{what}: seconds from 0 to {LONGEST:.0f} are expected, not {given!r}")
    return float(given)
