"""Writes what documents the API: `python docs/generate_api.py` (a test fails when it is not current).

api/examples.json: the answers of a small service, one for every route; docs/reference/api.md: the reference, from OpenAPI.
Run from the root of a checkout: the small service is the one of the tests.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from api import BrokerState, DeviceState, RuleState, StorageState, Wording
from api.openapi import EXAMPLES
from steward.model import Batch, Condition, Severity
from steward.muting import Maintenance, Scope
from steward.units import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from fastapi import FastAPI

    from tests.api.world import World

PAGE = Path(__file__).parent / "reference" / "api.md"
V1 = "/api/v1"
TRIED = {"id": "high", "kind": "threshold", "match": {"metric": "power"}, "above": "152kW", "for": "5m"}
ZERO = "start=2026-11-21T06:00:00Z&end=2026-11-21T08:00:00Z"
SWAPPED = "start=2026-11-22T07:00:00Z&end=2026-11-22T09:00:00Z"
DISCARDED = {"kind": "discard", "at": "2026-11-21T07:00:00Z", "until": "2026-11-21T07:01:00Z", "by": "Li Wei"}
READ = {"reads": [{"at": "2026-11-20T06:07:00Z", "value": 1001.2}], "unit": "kWh", "by": "Li Wei"}
HOURS = "start=2026-11-23T02:00:00Z&end=2026-11-23T04:00:00Z"
PERSON = {"by": "Li Wei", "comment": "on my way"}
TWO_DAYS = "start=2026-11-21T16:00:00Z&end=2026-11-23T16:00:00Z"
BILL: dict[str, Any] = {
    "point": "block-a.energy",
    "start": "2026-11-01T00:00:00+08:00",
    "end": "2026-11-21T00:00:00+08:00",
    "supplier": "State Grid",
    "number": "2026-11/1",
    "by": "Li Wei",
    "lines": [
        {"name": "peak", "quantity": 22400, "amount": "22848.00"},
        {"name": "flat", "quantity": 89600, "amount": "57532.16"},
        {"name": "valley", "quantity": 80000, "amount": "24800.00"},
    ],
}
SILENCE = {"by": "Li Wei", "reason": "belt on order", "until": "2026-11-25T06:00:00Z"}
WINDOW = {
    "by": "Li Wei",
    "reason": "service of the plant room",
    "scope": {"space": "block-a.plant"},
    "days": ["sat"],
    "hours": "22:00-02:00",
}
CALLS: list[tuple[str, str, dict[str, Any] | None]] = [
    (f"GET {V1}/tree", f"{V1}/tree?under=block-a.plant", None),
    (f"GET {V1}/points", f"{V1}/points?q=chiller&limit=1", None),
    (f"GET {V1}/points/{{id}}", f"{V1}/points/block-a.chiller-2.power", None),
    (f"GET {V1}/search", f"{V1}/search?q=0312", None),
    (f"GET {V1}/status", f"{V1}/status", None),
    (f"GET {V1}/summary", f"{V1}/summary", None),
    (f"GET {V1}/sites", f"{V1}/sites?under=block-a", None),
    (f"GET {V1}/fleet", f"{V1}/fleet", None),
    (f"GET {V1}/fleet/{{id}}/trips", f"{V1}/fleet/car-1/trips", None),
    (f"GET {V1}/history", f"{V1}/history?point=block-a.chiller-2.power&pixels=4", None),
    (f"GET {V1}/alerts", f"{V1}/alerts", None),
    (f"GET {V1}/alerts/{{id}}", f"{V1}/alerts/{{alert}}", None),
    (f"POST {V1}/alerts/acknowledge", f"{V1}/alerts/acknowledge", {"ids": ["{alert}"], **PERSON}),
    (f"POST {V1}/alerts/{{id}}/acknowledge", f"{V1}/alerts/{{second}}/acknowledge", PERSON),
    (f"POST {V1}/alerts/{{id}}/assign", f"{V1}/alerts/{{alert}}/assign", {"by": "Li Wei", "to": "Wang Fang"}),
    (f"POST {V1}/alerts/{{id}}/start", f"{V1}/alerts/{{alert}}/start", {"by": "Wang Fang"}),
    (f"POST {V1}/alerts/{{id}}/close", f"{V1}/alerts/{{closable}}/close", {"by": "Wang Fang"}),
    (f"POST {V1}/alerts/{{id}}/comment", f"{V1}/alerts/{{alert}}/comment", {"by": "Li Wei", "text": "valve W-14 is open"}),
    (f"POST {V1}/alerts/{{id}}/label", f"{V1}/alerts/{{alert}}/label", {"by": "Li Wei", "true": True}),
    (f"POST {V1}/alerts/assign", f"{V1}/alerts/assign", {"ids": ["{second}"], "by": "Li Wei", "to": "fleet office"}),
    (f"POST {V1}/alerts/close", f"{V1}/alerts/close", {"ids": ["{closable}"], "by": "Li Wei"}),
    (f"POST {V1}/alerts/comment", f"{V1}/alerts/comment", {"ids": ["{second}"], "by": "Li Wei", "text": "asked the driver"}),
    (f"POST {V1}/alerts/label", f"{V1}/alerts/label", {"ids": ["{second}"], "by": "Li Wei", "true": False}),
    (f"POST {V1}/alerts/shelve", f"{V1}/alerts/shelve", {"ids": ["{second}"], **SILENCE, "coming": True}),
    (f"POST {V1}/shelvings", f"{V1}/shelvings", {**SILENCE, "scope": {"equip": "block-a.chiller-2"}}),
    (f"GET {V1}/shelvings", f"{V1}/shelvings", None),
    (f"POST {V1}/shelvings/{{id}}/cancel", f"{V1}/shelvings/{{shelving}}/cancel", {"by": "Li Wei"}),
    (f"POST {V1}/maintenance", f"{V1}/maintenance", WINDOW),
    (f"GET {V1}/maintenance", f"{V1}/maintenance", None),
    (f"POST {V1}/maintenance/{{id}}/cancel", f"{V1}/maintenance/{{window}}/cancel", {"by": "Li Wei"}),
    (f"GET {V1}/calendar", f"{V1}/calendar", None),
    (f"GET {V1}/tariffs", f"{V1}/tariffs?at=2026-11-24T06:00:00Z", None),
    (f"GET {V1}/factors", f"{V1}/factors?carrier=gas", None),
    (f"GET {V1}/calendars", f"{V1}/calendars", None),
    (f"GET {V1}/cost/{{point}}", f"{V1}/cost/block-a.energy?{TWO_DAYS}", None),
    (f"GET {V1}/cost/site/{{site}}", f"{V1}/cost/site/block-a?{TWO_DAYS}", None),
    (f"POST {V1}/bills", f"{V1}/bills", BILL),
    (f"GET {V1}/bills", f"{V1}/bills", None),
    (f"GET {V1}/allocation", f"{V1}/allocation", None),
    (f"GET {V1}/allocation/{{id}}", f"{V1}/allocation/floors?{TWO_DAYS}", None),
    (f"POST {V1}/trials", f"{V1}/trials", {"start": "2026-11-23T06:40:00Z", "end": "2026-11-24T06:40:00Z", "rules": [TRIED]}),
    (f"GET {V1}/trials", f"{V1}/trials", None),
    (f"GET {V1}/trials/{{id}}", f"{V1}/trials/{{trial}}?episodes=1", None),
    (f"DELETE {V1}/trials/{{id}}", f"{V1}/trials/{{trial}}", None),
    (f"GET {V1}/ledger", f"{V1}/ledger", None),
    (f"GET {V1}/ledger/{{point}}", f"{V1}/ledger/block-a.energy?{ZERO}&period=hour", None),
    (f"GET {V1}/ledger/{{point}}/evidence", f"{V1}/ledger/block-a.energy/evidence?{ZERO}", None),
    (f"GET {V1}/ledger/questions", f"{V1}/ledger/questions", None),
    (f"POST {V1}/ledger/questions/{{id}}/answer", f"{V1}/ledger/questions/{{question}}/answer", {"answer": 0, "by": "Li Wei"}),
    (f"GET {V1}/ledger/{{point}}/revisions", f"{V1}/ledger/block-a.energy/revisions?{SWAPPED}", None),
    (f"POST {V1}/ledger/{{point}}/declarations", f"{V1}/ledger/block-a.energy/declarations", DISCARDED),
    (f"POST {V1}/ledger/{{point}}/reads", f"{V1}/ledger/block-a.energy/reads", READ),
    (f"POST {V1}/ledger/months/{{month}}/close", f"{V1}/ledger/months/2026-10/close", {"by": "Li Wei"}),
    (f"GET {V1}/ledger/months/{{month}}", f"{V1}/ledger/months/2026-10", None),
    (f"GET {V1}/ledger/{{point}}/baseline", f"{V1}/ledger/block-a.energy/baseline", None),
    (f"GET {V1}/ledger/{{point}}/savings", f"{V1}/ledger/block-a.energy/savings", None),
    (f"GET {V1}/energy/summary", f"{V1}/energy/summary?{HOURS}&period=hour", None),
    (f"GET {V1}/energy/profile/{{node}}", f"{V1}/energy/profile/site:block-a?{HOURS}", None),
    (f"GET {V1}/energy/balance/{{site}}", f"{V1}/energy/balance/block-a?{HOURS}", None),
    (f"GET {V1}/energy/indicators/{{site}}", f"{V1}/energy/indicators/block-a?{HOURS}", None),
    (f"GET {V1}/energy/quota/{{site}}", f"{V1}/energy/quota/block-a", None),
    (f"GET {V1}/energy/ranking", f"{V1}/energy/ranking?{HOURS}", None),
    (f"GET {V1}/reports", f"{V1}/reports", None),
    (f"GET {V1}/notices", f"{V1}/notices", None),
    (f"GET {V1}/notices/channels", f"{V1}/notices/channels", None),
    (f"POST {V1}/notices/preview", f"{V1}/notices/preview", {"target": "block-a.chiller-2", "severity": "high"}),
    (f"POST {V1}/notices/test", f"{V1}/notices/test", {"channel": "hook", "by": "Li Wei"}),
    (f"POST {V1}/notices/{{id}}/retry", f"{V1}/notices/{{dead}}/retry", None),
    (f"GET {V1}/devices", f"{V1}/devices?limit=1", None),
    (f"GET {V1}/devices/{{id}}", f"{V1}/devices/chiller", None),
    (f"GET {V1}/quarantine", f"{V1}/quarantine", None),
    (f"GET {V1}/rules", f"{V1}/rules", None),
    (f"POST {V1}/reload", f"{V1}/reload", None),
    (f"GET {V1}/server", f"{V1}/server", None),
    ("GET /healthz", "/healthz", None),
    ("GET /readyz", "/readyz", None),
]
"""(method and documented path, address to call, body) of every route that answers JSON."""


async def prepare(world: World) -> None:
    """Gives the small service something to say; `world.more` names the alerts that the calls are about."""
    from collectors.quarantine import Quarantine
    from collectors.taken import Reject, Unknown
    from steward.app.jobs import JobStatus
    from steward.app.ledger.desk import LedgerDesk
    from steward.app.trials.desk import Desk
    from steward.app.trials.runs import Trials
    from tests.api.energy_world import consumption
    from tests.api.ledger_world import books_of
    from tests.api.money_world import cashier
    from tests.api.notices_world import noticing, one_dead_one_sent

    now = world.now
    consumed = consumption(world)
    kept = Quarantine()
    kept.add("main", [Reject("unmapped", "site/x", b'{"humidity": 41}', "humidity", "x", now, "plain")], {"unmapped": 3})
    kept.note("main", now, [Unknown("plain", "native", "m 2", {"p": 812.5, "mode": "auto"})], [])
    job = JobStatus("compact", "daily at 01:10 UTC", last_good=now - HOUR, runs=3, seconds=0.4, next_run=now + 20 * HOUR)
    title = {"en": "Chiller 2 runs out of hours", "zh": "2号冷水机组在非工作时间运行"}
    rule = RuleState(
        "chiller-out-of-hours", "schedule", "high", title, "a.toml:rule[chiller-out-of-hours]", 1, 1, "", {"above": "5kW"}
    )
    words = Wording(
        title,
        {"en": "It draws 150 kW; the schedule says off.", "zh": "功率150 kW，按时间表应停机。"},
        {"en": "Is the timer on manual?", "zh": "时控器是否处于手动？"},
    )

    async def reload() -> None:
        return None

    trials = Trials(lambda: world.facility, world.index, world.store, lambda: world.now)
    world.more["trial"] = "t1"

    notices, box = noticing(world)
    books, _, _ = await books_of(world)
    world.more |= {"books": books, "question": books.questions()[0].id}
    world.build(
        quarantine=kept,
        devices=lambda: {
            "chiller": DeviceState(now - 5 * SECOND, 1200 * 1_000_000, 3120),
            "meter": DeviceState(now, None, 3124),
        },
        brokers=lambda: [BrokerState("main", "mqtt://127.0.0.1:1883", True, now - HOUR, 6244)],
        storage=lambda: StorageState("embedded", "", 52_000_000, 0, 1 << 30),
        jobs=lambda: [job],
        rules=lambda: [rule],
        wording=lambda record, facility: words,
        reload=reload,
        money=cashier(world),
        trials=Desk(trials, lambda: world.facility, list, lambda start, end: ()),
        energy=consumed.desk,
        reports=consumed.shelf,
        notices=notices,
        ledger=LedgerDesk(books, lambda: world.now),
        version="1.0.0",
    )
    await _fill(world)
    world.more["dead"] = await one_dead_one_sent(world, notices, box)


async def _fill(world: World) -> None:
    """History, live values, alerts in every state, a shelving and a maintenance window."""
    now = world.now
    at = now - np.arange(24 * 60, 0, -1) * MINUTE
    number = world.index.add("block-a.chiller-2.power")
    await world.store.write(Batch.of(np.full(len(at), number), at, 150e3 + (np.arange(len(at)) % 60) * 50.0))
    await world.sample("block-a.chiller-2.power", 150e3, ago=5 * SECOND)
    await world.sample("block-a.power", 312e3, ago=2 * SECOND)
    world.more["alert"] = world.alert().id
    world.more["second"] = world.alert("car-1", rule="unapproved-trip", points=("car-1.ignition",), severity=Severity.MEDIUM).id
    over: dict[str, Any] = {"since": now - 30 * HOUR, "fired": now - 29 * HOUR}
    world.alert(**over)
    scope = Scope(site="garage")
    world.more["shelving"] = (await world.desk.shelve([scope], now + HOUR, "Wang Fang", "cars are being washed"))[0].id
    window = Maintenance("", scope, "new chargers", "Wang Fang", now + HOUR, now + 9 * HOUR)
    world.more["window"] = (await world.desk.maintain(window)).id
    world.more["closable"] = world.alert(**over, condition=Condition.RESOLVED, resolved=now - 20 * HOUR).id


async def answers(world: World) -> dict[str, Any]:
    """The answers to all CALLS, in order, by method and documented path."""
    await prepare(world)
    found = {}
    for key, path, body in CALLS:
        sent = json.loads(_filled(json.dumps(body), world.more)) if body else None
        answer = await world.http.request(key.split()[0], _filled(path, world.more), json=sent)
        if answer.status_code != 200:
            raise AssertionError(f"{key}: {answer.status_code} {answer.text}")
        found[key] = answer.json()
        if key == f"POST {V1}/trials":
            await _ended(world)
    await world.more["books"].stop()
    return found


async def _ended(world: World) -> None:
    """Waits for the trial: its example shows a result."""
    for _ in range(600):
        answer = await world.http.get(f"{V1}/trials/{world.more['trial']}")
        if answer.json()["state"] == "done":
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"the trial does not end: {answer.text}")


def _filled(text: str, names: Mapping[str, Any]) -> str:
    for name, value in names.items():
        if isinstance(value, str):
            text = text.replace("{" + name + "}", value)
    return text


# The reference page


def api_page(app: FastAPI) -> str:
    """docs/reference/api.md."""
    document = app.openapi()
    return "".join(_page(document)).rstrip() + "\n"


def _page(document: Mapping[str, Any]) -> Iterator[str]:
    yield "<!-- written by docs/generate_api.py: do not edit -->\n# API\n\n"
    yield document["info"]["description"].strip()
    yield "\n\nThe whole document is at `/api/v1/openapi.json`. Where a filter `under` is taken, it is the key of a node"
    yield " (`site:block-a`, as the tree gives it), a device (`device:meter`), or a bare id.\n"
    schemas = document["components"]["schemas"]
    for tag in document["tags"]:
        yield f"\n## {tag['name'].capitalize()}\n\n{tag['description']}\n"
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if operation["tags"][-1] == tag["name"]:
                    yield from _operation(f"{method.upper()} {path}", operation)
    yield "\n## Types\n"
    for name in sorted(schemas):
        yield from _schema(name, schemas[name])


def _operation(title: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n### `{title}`\n\n{operation['summary']}. {operation['description']}\n"
    parameters = operation.get("parameters", ())
    if parameters:
        yield "\n| parameter | in | type | default | meaning |\n|---|---|---|---|---|\n"
        for each in parameters:
            schema = each["schema"]
            default = schema.get("default", "required" if each.get("required") else "")
            shown = f"`{default}`" if default not in ("", "required") else str(default)
            meaning = each.get("description", schema.get("description", ""))
            yield f"| `{each['name']}` | {each['in']} | {_type(schema)} | {shown} | {meaning} |\n"
    if "requestBody" in operation:
        yield f"\nBody: {_type(operation['requestBody']['content']['application/json']['schema'])}.\n"
    for media, content in operation["responses"]["200"]["content"].items():
        yield f"\nAnswers `{media}`" + (f": {_type(content['schema'])}" if "$ref" in str(content["schema"]) else "") + ".\n"
    codes = ", ".join(f"{code} ({r['description'].lower()})" for code, r in operation["responses"].items() if code >= "400")
    yield f"\nFails with {codes}.\n"


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n### {name}\n\n{schema.get('description', '').strip()}\n\n| member | type | meaning |\n|---|---|---|\n"
    for member, found in schema.get("properties", {}).items():
        needed = "" if member in schema.get("required", ()) else " (optional)"
        yield f"| `{member}` | {_type(found)}{needed} | {found.get('description', '')} |\n"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(_type(each) for each in schema[word]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map of {_type(schema['additionalProperties'])}"
    return str(schema.get("type", "any"))


async def _write() -> None:
    from tests.api.world import opened

    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder)) as world:
            found = await answers(world)
            EXAMPLES.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            world.app.openapi_schema = None
            PAGE.parent.mkdir(parents=True, exist_ok=True)
            PAGE.write_text(api_page(world.app), encoding="utf-8")
    sys.stdout.write(f"{EXAMPLES.name}, reference/{PAGE.name}\n")


def main() -> None:
    """Writes both files."""
    asyncio.run(_write())


if __name__ == "__main__":
    main()
