"""``/api/v1/docs``: the OpenAPI document as a page, without script from anywhere."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from dashboard.api.app import api


@require_GET
def docs(request: HttpRequest) -> HttpResponse:
    """Every path with its parameters."""
    schema = api.get_openapi_schema(path_prefix="/api/v1/")
    paths = [
        {"method": method.upper(), "path": path, "words": op.get("description", ""), "parameters": _named(op)}
        for path, operations in sorted(schema["paths"].items())
        for method, op in operations.items()
    ]
    return render(request, "docs.html", {"title": "The API", "paths": paths, "words": api.description})


def _named(op: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": p["name"], "default": p["schema"].get("default", "")} for p in op.get("parameters", ())]
