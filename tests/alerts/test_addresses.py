"""Which addresses alerts may be sent to."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest
from pytest_django import Settings

from dashboard.alerts.channels.addresses import METADATA, refusal
from dashboard.alerts.sending import guarded
from dashboard.processes.demo import write_config
from lineage.config import parse


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
        *(
            "169.254.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "192.0.2.1",
        ),
        *("198.18.0.1", "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.88.99.1"),
        *(
            "::",
            "::1",
            "fe80::1",
            "fe80::1%eth0",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "ff0e::1",
            "100::1",
        ),
        *("::ffff:8.8.8.8", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::8.8.8.8", "::7f00:1"),
        *("64:ff9b::8.8.8.8", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::1"),
        *("2001::1", "2001:db8::1", "3fff::1", "5f00::1", "4000::1"),
    ],
)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert refusal(address, ())


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::200e"])
def test_what_is_public_is_not(address: str) -> None:
    assert refusal(address, ()) is None


@pytest.mark.parametrize(
    ("address", "allow"),
    [
        *(
            ("10.1.2.3", "10.0.0.0/8"),
            ("127.0.0.1", "127.0.0.1/32"),
            ("fd12::1", "fd12::/16"),
            ("fe80::1%eth0", "fe80::/10"),
        ),
        *(("169.254.7.7", "169.254.0.0/16"), ("64:ff9b::8.8.8.8", "64:ff9b::/96")),
    ],
)
def test_what_is_allowed_is_allowed(address: str, allow: str) -> None:
    assert refusal(address, ()) is not None
    assert refusal(address, (ip_network(allow),)) is None


def test_a_wide_network_does_not_allow_what_is_within_another() -> None:
    everything = (ip_network("0.0.0.0/0"), ip_network("64:ff9b::/96"))
    assert refusal("11.0.0.1", (ip_network("10.0.0.0/8"),)) is None  # public anyway
    assert refusal("::1", everything)  # of the other family
    assert refusal("64:ff9b::10.0.0.1", (ip_network("64:ff9b::/96"),))  # NAT64 leads to a private one
    assert refusal("64:ff9b::10.0.0.1", everything) is None


@pytest.mark.parametrize("address", sorted(map(str, METADATA)))
def test_metadata_must_be_allowed_by_itself(address: str) -> None:
    wide = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    assert refusal(address, wide) == "the address of a cloud's metadata"
    assert refusal(address, (ip_network(address),)) is None


def test_metadata_within_an_ipv6_address_too() -> None:
    assert refusal("::ffff:169.254.169.254", (ip_network("::/0"), ip_network("0.0.0.0/0")))


def test_who_is_refused_in_the_demo_is_sent_to_the_file_that_a_start_does_not_write_anew(
    settings: Settings, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    settings.PLAYHEAD = parse("clusters: []", "/etc/playhead.yaml", {})
    assert guarded().file == "/etc/playhead.yaml"
    made = write_config(Path(__file__).parents[2], tmp_path, "127.0.0.1:9092")
    settings.PLAYHEAD = parse(made.read_text("utf-8"), str(made), {})
    assert guarded().file == "demo/playhead.yaml"
