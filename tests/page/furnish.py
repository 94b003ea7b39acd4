"""Gives a demonstration something to show on its alert desk, through the API: an alert with people on it, windows, a trial."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from typing import Any

HOUR = 3_600_000
SHARES = (0.8, 0.9, 1.0, 1.1, 1.25)
"""Values that the sweep tries, as shares of the limit in force."""


def _ask(url: str, path: str) -> Any:
    with urllib.request.urlopen(f"{url}/api/v1/{path}", timeout=30) as answer:
        return json.load(answer)


def _send(url: str, path: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(f"{url}/api/v1/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def furnish(url: str) -> dict[str, str]:
    """Acts as people would; returns the addresses of the views of rules."""
    now = int(time.time() * 1000)
    alerts = _ask(url, "alerts?sort=cost")["alerts"]
    if alerts:
        _send(url, f"alerts/{alerts[0]['id']}/assign", {"by": "Li Wei", "to": "HVAC team", "comment": "calling the plant"})
    if len(alerts) > 1:
        shelf = {"ids": [alerts[-1]["id"]], "by": "Li Wei", "reason": "sensor on order", "until": str(now + 30 * HOUR)}
        _send(url, "alerts/shelve", shelf)
    site = {"site": _ask(url, "sites")["sites"][0]["id"]}
    weekly = {
        "by": "Wang Fang",
        "reason": "weekly service of the pumps",
        "scope": site,
        "days": ["sat"],
        "hours": "22:00-02:00",
    }
    _send(url, "maintenance", weekly)
    once = {"by": "Wang Fang", "reason": "transformer inspection", "scope": {**site, "severity": "low"}}
    _send(url, "maintenance", once | {"start": str(now + 20 * HOUR), "end": str(now + 44 * HOUR)})
    return {"rules": "#/rules", "calendar": "#/calendar", "rule": _tried(url, now), "bill": _billed(url, now)}


def _billed(url: str, now: int) -> str:
    """A bill of the last hours by a multiplier of ten; its address."""
    summary = _ask(url, "energy/summary")
    register = next(figure for figure in summary["branches"][0]["figures"] if figure["metric"] == "energy")["registers"][0]
    end = (now // HOUR - 1) * HOUR
    start = end - 18 * HOUR
    (cost,) = _ask(url, f"cost/{register}?start={start}&end={end}&period=year")["periods"]
    lines: list[dict[str, Any]] = [
        {"name": name, "quantity": round(cost["quantities"][name] * 10, 2), "amount": f"{float(money) * 10:.2f}"}
        for name, money in cost["energy"].items()
    ]
    order = {"point": register, "start": str(start), "end": str(end), "supplier": "State Grid", "number": "2026-11/0412"}
    _send(url, "bills", {**order, "by": "Wang Fang", "lines": lines})
    return f"#/bills/{_ask(url, 'bills?limit=1')['bills'][0]['id']}"


def _tried(url: str, now: int) -> str:
    """A rule with a plain limit, tried over the last day; its address with the trial."""
    found = [rule for rule in _ask(url, "rules")["rules"] if rule["targets"] and rule["kind"] == "threshold"]
    for rule in sorted(found, key=lambda one: -one["firing"]):
        for field in ("above", "below"):
            limit = re.fullmatch(r"(\d+(?:\.\d+)?)(\D*)", str(rule["definition"].get(field, "")))
            if limit is None:
                continue
            values = [f"{float(limit[1]) * share:.3g}{limit[2]}" for share in SHARES]
            order = {"start": now - 24 * HOUR, "end": now, "by": "Li Wei", "rules": [{**rule["definition"], "id": rule["id"]}]}
            trial = _send(url, "trials", order | {"sweep": {"rule": rule["id"], "field": field, "values": values}})["id"]
            while _ask(url, f"trials/{trial}")["state"] in ("waiting", "running"):
                time.sleep(0.5)
            return f"#/rules/{rule['id']}?trials={trial}"
    return "#/rules"
