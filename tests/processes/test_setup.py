"""What a fresh machine is told when something is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(root: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "scripts" / "setup.py"), *words]
    return subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=60)


def clone(tmp_path: Path) -> Path:
    """A clone with nothing but the set-up in it."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup.py", tmp_path / "scripts")
    return tmp_path


def test_a_python_without_venv_is_met_with_the_line_that_installs_it(tmp_path: Path) -> None:
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking" / "ensurepip.py").write_text("raise ImportError")
    done = run(clone(tmp_path), "run", PYTHONPATH=str(tmp_path / "lacking"))
    assert done.returncode == 1
    assert done.stderr == "This Python comes without venv; install it and run make again: apt install python3-venv\n"
    assert not (tmp_path / ".venv").exists()


def test_packages_that_cannot_be_installed_end_the_setup_and_are_tried_again(tmp_path: Path) -> None:
    root = clone(tmp_path)
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "python").symlink_to("/bin/false")
    (root / "requirements.txt").write_text("nothing==1.0\n")
    for _ in range(2):
        done = run(root, "run")
        assert "installing the packages of requirements.txt" in done.stdout
        assert done.stderr == "Setting up failed: python ended with 1; its lines above say why.\n"


def test_what_is_installed_is_left_alone_until_the_requirements_change(tmp_path: Path) -> None:
    root = clone(tmp_path)
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "python").symlink_to("/bin/true")
    (root / "requirements.txt").write_text("a==1.0\n")
    assert "installing" in run(root, "run").stdout
    assert run(root, "run").stdout == ""
    (root / "requirements.txt").write_text("a==2.0\n")
    assert "installing" in run(root, "run").stdout
