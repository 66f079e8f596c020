"""Who owns what, and what is said of whence that is known."""

from __future__ import annotations

import pytest

from lineage.config import parse
from lineage.ownership import file_name, owner_of

RULES = """
clusters: [{name: c, bootstrap_servers: "localhost:9092"}]
teams: {shop: {}}
owners: [{topic: "orders*", team: shop}]
"""


def test_the_file_of_the_rule_is_named_without_its_directory() -> None:
    owner = owner_of(parse(RULES, "/etc/secret-place/playhead.yaml", {}), "topic", "orders.v2")
    assert owner is not None
    assert owner == ("shop", "playhead.yaml: topic orders*")
    assert owner_of(parse(RULES, "x.yaml", {}), "topic", "payments") is None


@pytest.mark.parametrize("path", ["/etc/a/b.yaml", "b.yaml", "./b.yaml", "C:\\a\\b.yaml"])
def test_a_file_s_name_is_the_last_of_its_path(path: str) -> None:
    assert file_name(path) == "b.yaml"


def test_a_catalogue_s_directory_keeps_its_name() -> None:
    assert file_name("/srv/catalogue/") == "catalogue"
