"""The documentation says what the program does: every setting, every page, every link."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lineage.conditions import METRICS
from lineage.verdicts import VERDICTS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_every_environment_variable_is_documented() -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    found: set[str] = set()
    for source in ROOT.glob("[dl]*/**/*.py"):
        if source.parts[len(ROOT.parts)] in {"dashboard", "lineage"}:
            found |= set(
                re.findall(
                    r'"((?:PLAYHEAD_[A-Z_]+)|DATABASE_URL|REDIS_URL|KAFKA_BOOTSTRAP_SERVERS)"', source.read_text()
                )
            )
    private = {name for name in found if name.startswith("PLAYHEAD_PORTS")}
    missing = {name for name in found - private if name.removesuffix("_FILE") not in text}
    assert found
    assert not missing


def test_make_targets_named_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make (\w+)", (ROOT / "README.md").read_text())):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"README names make {target}"


def test_every_verdict_and_every_metric_has_its_runbook() -> None:
    sections = re.split(r"^### `(\w+)`$", (ROOT / "docs/alerts.md").read_text(), flags=re.MULTILINE)
    told = dict(zip(sections[1::2], sections[2::2], strict=True))
    assert {*VERDICTS, *METRICS} <= told.keys()
    for name in {*VERDICTS, *METRICS} - {"verdict"}:
        for word in ("Means", "Look at", "Do"):
            assert f"- **{word}:** " in told[name], f"the section on {name} does not say {word}"
