"""Secrets at rest: sealed for one channel, under one key."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from dashboard.alerts.sealing import CannotOpen, seal, unseal

SECRET = {"url": "https://hooks.example.com/T0/B0/zebra-4242", "password": "zebra é"}


def test_what_was_sealed_opens_and_does_not_show() -> None:
    sealed = seal(SECRET, "a")
    assert unseal(sealed, "a") == SECRET
    assert "zebra" not in sealed
    assert seal(SECRET, "a") != sealed  # a nonce of its own each time


def test_nothing_is_sealed_as_nothing() -> None:
    assert seal({}, "a") == ""
    assert unseal("", "a") == {}


def test_a_changed_key_is_a_sentence(settings: Settings) -> None:
    sealed = seal(SECRET, "a")
    settings.SECRET_KEY = "another"
    with pytest.raises(CannotOpen, match="PLAYHEAD_SECRET_KEY is not the one") as told:
        unseal(sealed, "a")
    assert "zebra" not in str(told.value)


@pytest.mark.parametrize("broken", ["v1.", "v1.AAAA", "not sealed at all", "v1.é", "v1." + "A" * 200])
def test_what_is_broken_is_a_sentence(broken: str) -> None:
    with pytest.raises(CannotOpen):
        unseal(broken, "a")


def test_it_opens_for_no_other_channel() -> None:
    with pytest.raises(CannotOpen):
        unseal(seal(SECRET, "a"), "b")
