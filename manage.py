#!/usr/bin/env python
"""Django's commands, and Playhead's: ``python manage.py playhead --help``."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Runs the command of the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
