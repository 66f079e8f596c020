"""YAML read with a place for every value, so that whatever is wrong is named with file, line and remedy.

Small on purpose: no aliases (a few lines of them can stand for gigabytes), bounded depth and size, no
repeated keys, no tags. ``${NAME}`` in a value is replaced from the environment; the value is never printed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

MAX_BYTES = 1 << 20
MAX_DEPTH = 20

_VARIABLE = re.compile(r"\$(\$?)\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w|mo|y)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)")
_DAY = 86_400.0
_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3_600.0,
    "d": _DAY,
    "w": 7 * _DAY,
    "mo": 365.25 / 12 * _DAY,
    "y": 365.25 * _DAY,
}
_PREFIXES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class ConfigError(ValueError):
    """What is wrong with a configuration: where (line 0: none), what was found, what was expected, the nearest."""

    def __init__(self, file: str, line: int, found: str, expected: str, nearest: str = "") -> None:
        self.file, self.line, self.found, self.expected, self.nearest = file, line, found, expected, nearest
        hint = f"; did you mean {nearest}?" if nearest else ""
        place = f"{file}:{line}" if line else file
        super().__init__(f"{place}: found {found}, expected {expected}{hint}")


def secret(env: Mapping[str, str], name: str) -> str | None:
    """The variable, or the content of the file that ``NAME_FILE`` names (without the last line end).

    Raises ConfigError where both are set, or where the file cannot be read.
    """
    path = env.get(f"{name}_FILE")
    if not path:
        return env.get(name)
    if env.get(name):
        raise ConfigError("environment", 0, f"both {name} and {name}_FILE", "one of them")
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as e:
        why = getattr(e, "strerror", None) or "not UTF-8"
        raise ConfigError("environment", 0, f"{name}_FILE={path} ({why})", "a file that can be read") from e


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word nearest to this one, or ""."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)), "")


@dataclass(frozen=True)
class Source:
    """Where values come from, and with which variables they are filled."""

    file: str
    env: Mapping[str, str]


class Value:
    """One node of the document; each reader returns what it promises or raises ConfigError at this place."""

    def __init__(self, node: yaml.Node, source: Source) -> None:
        self._node, self._source = node, source

    @property
    def line(self) -> int:
        return int(self._node.start_mark.line) + 1

    def error(self, expected: str, found: str = "", nearest: str = "") -> ConfigError:
        """What to raise when this value is not what was expected."""
        return ConfigError(self._source.file, self.line, found or self._shown(), expected, nearest)

    def _shown(self) -> str:
        if isinstance(self._node, yaml.MappingNode):
            return "a mapping"
        if isinstance(self._node, yaml.SequenceNode):
            return "a list"
        raw = str(self._node.value)
        return repr(raw if len(raw) <= 60 else raw[:57] + "…") if raw else "nothing"

    def is_null(self) -> bool:
        return isinstance(self._node, yaml.ScalarNode) and self._node.tag.endswith(":null")

    def is_list(self) -> bool:
        return isinstance(self._node, yaml.SequenceNode)

    def text(self, expected: str = "text") -> str:
        """A scalar as it was written, variables filled in; not empty."""
        if not isinstance(self._node, yaml.ScalarNode) or self.is_null():
            raise self.error(expected)
        filled = _VARIABLE.sub(self._variable, self._node.value)
        if not filled.strip():
            raise self.error(expected, found=f"{self._shown()}, which is empty" if self._node.value else "")
        return filled

    def _variable(self, match: re.Match[str]) -> str:
        escaped, name = match.groups()
        if escaped:
            return match.group(0)[1:]
        if not _NAME.fullmatch(name):
            raise self.error("the name of an environment variable between ${ and }", found=match.group(0))
        value = secret(self._source.env, name)
        if value is None:
            raise self.error(f"the environment variable {name} to be set", found=f"${{{name}}}, which is not set")
        return value

    def choice(self, known: Iterable[str]) -> str:
        options, word = list(known), self.text("one of " + ", ".join(known))
        if word not in options:
            raise self.error("one of " + ", ".join(options), nearest=nearest(word, options))
        return word

    def integer(self, low: int, high: int) -> int:
        expected = f"a whole number from {low} to {high}"
        word = self.text(expected)
        if not re.fullmatch(r"\d{1,15}", word) or not low <= int(word) <= high:
            raise self.error(expected)
        return int(word)

    def duration(self, low: float = 0.0) -> float:
        """Seconds; ``10s 5m 2h 14d 2w 13mo 5y`` (a month is a twelfth of 365.25 days)."""
        expected = "a duration such as 10s, 5m, 14d, 13mo or 5y"
        word = self.text(expected)
        match = _DURATION.fullmatch(word)
        if not match:
            raise self.error(expected, nearest=f"{word}s" if re.fullmatch(r"\d+", word) else "")
        seconds = float(match[1]) * _UNITS[match[2]]
        if seconds < low:
            raise self.error(f"at least {low:g}s")
        return seconds

    def size(self) -> int:
        """Bytes; ``500kB 1MB 2GiB`` or a bare number of bytes."""
        expected = "a size such as 500kB, 1MB or 2GiB"
        word = self.text(expected)
        if re.fullmatch(r"\d{1,15}", word):
            return int(word)
        match = _SIZE.fullmatch(word)
        if not match:
            raise self.error(expected)
        unit = match[2]
        factor = _BINARY[unit[0]] if "i" in unit else _PREFIXES[unit[:-1].replace("K", "k")]
        return int(float(match[1]) * factor)

    def items(self, expected: str = "a list") -> list[Value]:
        """The values of a list; nothing (null) is an empty one."""
        if self.is_null():
            return []
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.error(expected)
        return [Value(n, self._source) for n in self._node.value]

    def texts(self) -> tuple[str, ...]:
        return tuple(v.text() for v in self.items("a list of texts"))

    def mapping(self, expected: str = "a mapping") -> dict[str, tuple[Value, Value]]:
        """Key to (the key's place, the value); nothing (null) is an empty one. A repeated key is an error."""
        if self.is_null():
            return {}
        if not isinstance(self._node, yaml.MappingNode):
            raise self.error(expected)
        out: dict[str, tuple[Value, Value]] = {}
        for key_node, node in self._node.value:
            key = Value(key_node, self._source)
            name = key.text("a key that is text") if "$" not in str(key_node.value) else str(key_node.value)
            if name in out:
                first = out[name][0].line
                raise key.error("each key once", found=f"the key {name!r} again (it is on line {first} already)")
            out[name] = (key, Value(node, self._source))
        return out

    def fields(self, known: Iterable[str], required: Iterable[str] = ()) -> dict[str, Value]:
        """A mapping with these keys only; a key without a value counts as absent."""
        names, given = list(known), self.mapping(f"a mapping with {', '.join(known)}")
        for name, (key, _) in given.items():
            if name not in names:
                what = f"the unknown key {name!r}"
                raise key.error(f"one of {', '.join(names)}", found=what, nearest=nearest(name, names))
        present = {name: value for name, (_, value) in given.items() if not value.is_null()}
        for name in required:
            if name not in present:
                raise self.error(f"the key {name!r}", found=f"no {name!r}")
        return present


def read_document(text: str, file: str, env: Mapping[str, str]) -> Value | None:
    """The document's root, or None where the text holds none. Raises ConfigError."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise ConfigError(file, 1, f"{len(text):,} characters", "a file of at most 1 MiB")
    try:
        _refuse_bombs(text, file)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        found = f"broken YAML ({e.problem or e.context})"
        raise ConfigError(file, mark.line + 1 if mark else 1, found, "YAML") from e
    except yaml.YAMLError as e:
        raise ConfigError(file, 1, "a character that YAML does not allow", "YAML in UTF-8") from e
    return None if node is None else Value(node, Source(file, env))


def _refuse_bombs(text: str, file: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise ConfigError(file, line, f"the alias *{event.anchor}", "the value written out (aliases are not read)")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ConfigError(file, line, f"more than {MAX_DEPTH} levels", f"at most {MAX_DEPTH} levels")
