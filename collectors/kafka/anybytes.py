"""Names of any bytes through kafka-python: what is no UTF-8 comes as surrogates, and goes out as it came.

Apache Kafka never sends such a name, other makes of broker pass on what a client sent. Without this one group's name
hides all groups: kafka-python cannot decode the answer, and librdkafka's binding, asked instead, ends the process.
"""

from __future__ import annotations

from functools import wraps
from typing import Any


class _Context:
    """The generator of kafka-python's code, with the one word more in each line that has to do with text."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def emit(self, indent: str, line: str) -> None:
        self._context.emit(indent, line.replace('"utf-8")', '"utf-8", "surrogateescape")'))


def let_through() -> None:
    """Changes kafka-python's strings, once a process, before their code is generated."""
    from kafka.protocol.schemas.fields.codecs.types import String

    if getattr(String, "any_bytes", False):
        return
    String.any_bytes = True
    for name in ("emit_encode_into", "emit_decode_from"):
        setattr(String, name, _with_context(getattr(String, name)))


def _with_context(emit: Any) -> Any:
    @wraps(emit)
    def emitting(self: Any, context: Any, *args: Any, **more: Any) -> Any:
        return emit(self, _Context(context), *args, **more)

    return emitting
