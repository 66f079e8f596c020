"""What the children print, line by line, under their names."""

from __future__ import annotations

import sys
from typing import TextIO

COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
LONGEST_LINE = 8_192  # characters; the rest of a line is cut, so that no child can fill the memory


def printable(line: str) -> str:
    """Without control characters: names from a watched cluster must not steer the terminal."""
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in line)


class Output:
    """Writes prefixed lines to one stream; coloured where it is a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._tty = self._stream.isatty()
        self._colours: dict[str, int] = {}

    def say(self, text: str) -> None:
        """A line of the supervisor's own. Raises BrokenPipeError when nobody reads any more."""
        self._stream.write(text + "\n")
        self._stream.flush()

    def line(self, name: str, text: str) -> None:
        """A line of a child."""
        prefix = f"{name:<10} |"
        if self._tty:
            colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
        self.say(f"{prefix} {printable(text)}")


class Lines:
    """Bytes in, whole lines out; bounded."""

    def __init__(self) -> None:
        self._rest = b""
        self._cutting = False

    def feed(self, data: bytes) -> list[str]:
        """The lines that these bytes complete."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        out = [self._decoded(raw) for raw in whole]
        if self._cutting and out:
            out, self._cutting = out[1:], False
        if len(self._rest) > LONGEST_LINE:
            if not self._cutting:
                out.append(self._decoded(self._rest[:LONGEST_LINE]) + " …")
            self._rest, self._cutting = b"", True
        return out

    def end(self) -> list[str]:
        """What is left when the child has closed its output."""
        rest, self._rest = self._rest, b""
        return [self._decoded(rest)] if rest and not self._cutting else []

    @staticmethod
    def _decoded(raw: bytes) -> str:
        return raw.rstrip(b"\r").decode("utf-8", "replace")
