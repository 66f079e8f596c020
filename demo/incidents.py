"""What goes wrong in the shop, and when: a pure function of the seconds since the demo was started.

Everything repeats after `CYCLE` seconds, so that who looks an hour later sees it too.
"""

from __future__ import annotations

from dataclasses import dataclass

CYCLE = 600.0


@dataclass(frozen=True)
class Window:
    """One service is ill from `begin` until `end`, seconds within the cycle."""

    service: str
    begin: float
    end: float

    def holds(self, elapsed: float) -> bool:
        return self.begin <= elapsed % CYCLE < self.end


# Long enough for the alert rules that are on from the start to fire, and to see that they are resolved.
SLOW = Window("shipping", 40.0, 340.0)
SLOW_SECONDS_A_RECORD = 1.0
STOPPED = Window("app-analytics", 80.0, 220.0)
POISON_AT = (3.0, 120.0)
RENAME_AT = 150.0
EMAIL_GROUPS = ("email-v1", "email-v2")


def delay(service: str, elapsed: float) -> float:
    """Seconds by which this service now takes longer for each record."""
    return SLOW_SECONDS_A_RECORD if service == SLOW.service and SLOW.holds(elapsed) else 0.0


def stopped(elapsed: float) -> frozenset[str]:
    """Services whose process is down now."""
    return frozenset({STOPPED.service}) if STOPPED.holds(elapsed) else frozenset()


def _passed(moments: tuple[float, ...], elapsed: float) -> int:
    """How many of these moments of the cycle have passed since the start."""
    cycles, within = divmod(elapsed, CYCLE)
    return int(cycles) * len(moments) + sum(m <= within for m in moments)


def poison_between(before: float, now: float) -> int:
    """How many poison orders fall due after `before` and not after `now`."""
    return _passed(POISON_AT, now) - _passed(POISON_AT, before)


def email_group(elapsed: float) -> str:
    """The group id under which the mail service is deployed now: each cycle one deployment renames it."""
    return EMAIL_GROUPS[_passed((RENAME_AT,), elapsed) % 2]


def news(before: float, now: float) -> list[str]:
    """What began or ended in between, a sentence each, for the log."""
    said = [f"{poison_between(before, now)} poison order placed"] if poison_between(before, now) else []
    for window, begins, ends in ((SLOW, "slows down", "is fast again"), (STOPPED, "stops", "comes back")):
        if window.holds(before) != window.holds(now):
            said.append(f"{window.service} {begins if window.holds(now) else ends}")
    if email_group(before) != email_group(now):
        said.append(f"a deployment renames the group of email to {email_group(now)}")
    return said
