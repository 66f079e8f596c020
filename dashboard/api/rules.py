"""Alert rules: made, changed, switched off, and what one would have done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Router

from dashboard import access
from dashboard.alerts import reading
from dashboard.alerts.models import Alert, Channel, Rule
from dashboard.api import alert_schemas as schemas
from dashboard.api.alerts import caller_name, told
from dashboard.api.guard import Guard
from dashboard.api.read import ERRORS, ok
from dashboard.problems import Problem
from dashboard.reading import now_ms
from dashboard.times import rfc
from lineage import conditions
from lineage.verdicts import VERDICTS

router = Router(tags=["alerts"], auth=Guard("view"))
MONTH = 30 * 86_400_000
MOST = 500


@router.get("/alerts/rules", response={200: schemas.Rules, **ERRORS})
def rules(request: HttpRequest) -> HttpResponse:
    """Every rule with how often it fired, and what a rule may ask."""
    found = list(Rule.objects.order_by("name"))
    firing, fired = _firing(), reading.firing_since([r.id for r in found], now_ms() - MONTH)
    items = [_row(r, firing.get(r.id, 0), fired.get(r.id, 0)) for r in found]
    known = {"verdicts": VERDICTS, "severities": conditions.SEVERITIES, "scope": conditions.SCOPE}
    return ok({"items": items, "metrics": _metrics(), **known})


@router.post("/alerts/rules", auth=Guard("alerts"), response={201: schemas.RuleOut, **ERRORS})
def make(request: HttpRequest, body: schemas.RuleIn) -> HttpResponse:
    """A new rule; the next whole minute is the first that it looks at."""
    by = caller_name(request)
    if Rule.objects.count() >= MOST:
        raise Problem(422, f"there are {MOST} rules already; delete one, or widen the scope of one")
    rule = Rule(created_by=by[:150])
    _save(rule, body, by, "rule made")
    return told(_row(rule), 201)


@router.put("/alerts/rules/{id}", auth=Guard("alerts"), response={200: schemas.RuleOut, **ERRORS})
def change(request: HttpRequest, id: str, body: schemas.RuleIn) -> HttpResponse:
    """Changes it, as a new version. An alert that is open keeps the definition that it began with."""
    with transaction.atomic():
        rule = rule_of(id, lock=True)
        rule.version += 1
        _save(rule, body, caller_name(request), "rule changed")
    fired = reading.firing_since([id], now_ms() - MONTH)
    return ok(_row(rule, _firing().get(id, 0), fired.get(id, 0)))


@router.delete("/alerts/rules/{id}", auth=Guard("alerts"), response={204: None, **ERRORS})
def drop(request: HttpRequest, id: str) -> HttpResponse:
    """Deletes it; its alerts are resolved and stay in the history."""
    rule = rule_of(id)
    with transaction.atomic():
        access.audit(caller_name(request), "rule deleted", rule.name, rule=id, definition=rule.definition)
        rule.delete()
    return HttpResponse(status=204)


def definition(given: Mapping[str, Any]) -> conditions.Definition:
    """The definition that was sent. Raises Problem with a sentence that names the field."""
    try:
        asked = conditions.parse(given)
    except ValueError as e:
        raise Problem(422, f"definition: {e}") from e
    unknown = set(asked.channels) - set(Channel.objects.filter(name__in=asked.channels).values_list("name", flat=True))
    if unknown:
        raise Problem(422, f"definition: channels: there is no channel {sorted(unknown)[0]!r}; see Channels")
    return asked


def rule_of(id: str, lock: bool = False) -> Rule:
    """The rule. Raises Problem 404."""
    rules = Rule.objects.select_for_update() if lock else Rule.objects
    found = rules.filter(pk=id).first()
    if found is None:
        raise Problem(404, f"there is no rule {id[:40]}")
    return found


def _save(rule: Rule, body: schemas.RuleIn, by: str, word: str) -> None:
    name = body.name.strip()
    if not name or not name.isprintable():
        raise Problem(422, "name: 1 to 120 printable characters are expected")
    if Rule.objects.filter(name=name).exclude(pk=rule.pk).exists():
        raise Problem(422, f"name: there is a rule {name!r} already; choose another name")
    rule.name, rule.enabled, rule.changed_at = name, body.enabled, now_ms()
    rule.definition = conditions.as_json(definition(body.definition))
    rule.save()
    access.audit(by, word, name, rule=rule.id, version=rule.version, enabled=rule.enabled, definition=rule.definition)


def _firing() -> Counter[str | None]:
    now = Alert.objects.filter(resolved_at__isnull=True, fired_at__isnull=False)
    return Counter(now.values_list("rule_id", flat=True))


def _row(rule: Rule, firing: int = 0, fired: int = 0) -> dict[str, Any]:
    own = ("id", "name", "enabled", "built_in", "version", "created_by")
    given, said, problem = rule.definition, "", ""
    try:
        asked = conditions.parse(given)
        given, said = conditions.as_json(asked), conditions.sentence(asked)
    except ValueError as e:  # written by another version: it is shown, and can be corrected
        problem = str(e)
    about = {"definition": given, "sentence": said, "problem": problem, "firing": firing, "fired_30d": fired}
    return {**{n: getattr(rule, n) for n in own}, "changed_at": rfc(rule.changed_at), **about}


def _metrics() -> list[dict[str, Any]]:
    flags = conditions.FLAGS
    return [{"name": n, **m._asdict(), "flag": n in flags} for n, m in conditions.METRICS.items()]
