"""Every route called with rubbish: a refusal in the one shape and with a status that is documented, never a failure."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest

from api.problems import MEDIA_TYPE
from tests.api.energy_world import consumption
from tests.api.money_world import cashier
from tests.api.notices_world import noticing
from tests.api.world import World

V1 = "/api/v1"
TEXTS = [
    "", " ", "-1", "0", "1", "9" * 30, "9223372036854775808", "9223372036854775808-x", "1e400", "NaN", "null", "[]",
    "'; drop table alerts;--", "市政厅", "🚗", "a\x00b", "../../etc/passwd", "%00", "%s{}", "*", "(", "\\", "x" * 5000, "site:",
    "device:", ":", "site:block-a", "meter", "block-a.energy", "2026-13-45", "0001-01-01T00:00:00Z", "2026-10",
    "9999-12-31T23:59:59-14:00", "-62135596800000", "0s", "99999999999d",
]  # fmt: skip
VALUES = [None, -1, 0, 1e308, 2**63, 2**70, -(2**63), 1.5, True, [], {}, [[]], {"a": 1}]
BODIES = [b"{", b"\xff\xfe\x00", b"[" * 50_000, b'"\\ud800"', b"a=1"]
CALLS = 12
STREAMS = {f"{V1}/events"}


class Rubbish:
    """Values for a schema: mostly of its type, some not."""

    def __init__(self, document: dict[str, Any], seed: int) -> None:
        self.random = random.Random(seed)
        self._schemas = document["components"]["schemas"]

    def of(self, schema: dict[str, Any], share: float) -> Any:
        while "$ref" in schema:
            schema = self._schemas[schema["$ref"].rsplit("/", 1)[1]]
        if self.random.random() < share:
            return self.random.choice([*VALUES, *TEXTS])
        for choice in ("anyOf", "oneOf"):
            if choice in schema:
                return self.of(self.random.choice(schema[choice]), share)
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        kind = schema.get("type", "string")
        if kind == "object":
            return {
                name: self.of(inner, share)
                for name, inner in schema.get("properties", {}).items()
                if self.random.random() < 0.8
            }
        if kind == "array":
            return [self.of(schema.get("items", {}), share) for _ in range(self.random.randint(0, 3))]
        plain = {"null": [None], "boolean": [True, False], "integer": [0, 1, 1_795_500_000_000], "number": [0, 5.5, -3, 1e6]}
        return self.random.choice(plain.get(kind, TEXTS))

    def address(self, path: str, operation: dict[str, Any]) -> str:
        query = []
        for one in operation.get("parameters", []):
            if one["in"] == "path":
                path = path.replace(f"{{{one['name']}}}", quote(self.random.choice(TEXTS), safe=""))
            elif one["in"] == "query" and (one.get("required") or self.random.random() < 0.6):
                value = self.of(one["schema"], 0.3)
                query += [(one["name"], str(each)) for each in (value if isinstance(value, list) else [value])]
        return f"{path}?{urlencode(query)}"

    def body(self, operation: dict[str, Any]) -> bytes:
        if self.random.random() < 0.2:
            return self.random.choice(BODIES)
        content = next(iter(operation["requestBody"]["content"].values()))
        return json.dumps(self.of(content["schema"], self.random.choice([0, 0.1, 0.3]))).encode()


@pytest.fixture
async def furnished(world: World) -> World:
    """With an alert, books of money and consumption, and notices."""
    (mailed, _), made = noticing(world), consumption(world)
    world.build(notices=mailed, money=cashier(world), energy=made.desk, reports=made.shelf)
    world.http = httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url="http://steward")
    world.alert()
    return world


async def test_rubbish_is_refused_in_the_one_shape_and_breaks_nothing(furnished: World) -> None:
    document = furnished.app.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path in STREAMS:
                continue
            rubbish = Rubbish(document, sum(f"{method} {path}".encode()))
            for _ in range(CALLS):
                address = rubbish.address(path, operation)
                more = {"content": rubbish.body(operation)} if "requestBody" in operation else {}
                headers = {"content-type": "application/json"}
                answer = await furnished.http.request(method, address, headers=headers, **more)
                said = f"{method} {address[:200]} {str(more)[:300]} -> {answer.status_code} {answer.text[:300]}"
                assert str(answer.status_code) in operation["responses"], said
                assert answer.status_code != 500, said
                assert answer.status_code < 400 or answer.headers["content-type"] == MEDIA_TYPE, said


async def test_a_body_that_is_no_json_is_told_what_is_expected(world: World) -> None:
    answer = await world.http.post(
        f"{V1}/alerts/acknowledge", content=b"\xff\xfe\x00", headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["detail"]) == (400, "body: cannot be read, expected JSON in UTF-8")


@pytest.mark.parametrize(
    "path",
    [
        "notices?after=9223372036854775808",
        "bills?before=9223372036854775808",
        "alerts?condition=resolved&after=9223372036854775808-a",
    ],
)
async def test_a_cursor_beyond_every_number_is_refused(furnished: World, path: str) -> None:
    answer = await furnished.http.get(f"{V1}/{path}")
    assert answer.status_code in (409, 422)
    assert "9223372036854775808" in answer.text


async def test_text_that_a_database_cannot_keep_is_refused_before_it_gets_there(world: World) -> None:
    alert = world.alert()
    for fields in ({"by": "a\x00b", "comment": "x"}, {"by": "Li", "comment": "x\x00"}):
        answer = await world.http.post(f"{V1}/alerts/{alert.id}/acknowledge", json=fields)
        assert answer.status_code == 422
        assert "NUL" in answer.json()["detail"]
    for path in ("alerts?text=%00", "alerts/%00"):
        assert (await world.http.get(f"{V1}/{path}")).status_code == 422


async def test_a_service_without_a_file_says_that_it_has_nothing_to_reload(world: World) -> None:
    answer = await world.http.post(f"{V1}/reload")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_file")
