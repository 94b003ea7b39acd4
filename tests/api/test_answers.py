"""Every route: documented, answering what its type says, failing in the one shape, under the headers of safety."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
from fastapi import FastAPI

from api import ApiSettings
from api.openapi import EXAMPLES
from api.security import HEADERS
from docs.generate_api import CALLS, answers, api_page
from steward.errors import ConfigError, Problem, RecordsError, StoreUnavailable
from tests.api.conftest import Get
from tests.api.world import World, opened

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"


def operations(app: FastAPI) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) of everything that is documented."""
    paths = app.openapi()["paths"]
    return [(method.upper(), path, operation) for path, found in paths.items() for method, operation in found.items()]


def check(app: FastAPI, schema: Any, instance: Any) -> None:
    """Holds a value against a schema of the OpenAPI document (whose dialect is JSON Schema 2020-12)."""
    resolved = {**schema, "components": app.openapi()["components"]}
    jsonschema.Draft202012Validator(resolved).validate(instance)


def is_problem(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert {"type", "title", "detail"} <= set(body)
    return body


async def test_every_answer_is_what_its_documented_type_says(world: World) -> None:
    found = await answers(world)
    for key, answer in found.items():
        method, path = key.split()
        content = world.app.openapi()["paths"][path][method.lower()]["responses"]["200"]["content"]
        check(world.app, content["application/json"]["schema"], answer)
    answered = {
        f"{method} {path}"
        for method, path, operation in operations(world.app)
        if "application/json" in operation["responses"]["200"]["content"]
    }
    assert set(found) == answered, "every route that answers JSON is called here"


async def test_every_answer_has_an_example_that_its_type_allows(world: World) -> None:
    for method, path, operation in operations(world.app):
        for media, content in operation["responses"]["200"]["content"].items():
            if media == "application/json":
                check(world.app, content["schema"], content["example"])
            elif "binary" not in json.dumps(content):
                assert content["example"], (method, path, media)


async def test_every_body_has_an_example_that_its_type_allows(world: World) -> None:
    schemas = world.app.openapi()["components"]["schemas"]
    bodies = 0
    for method, path, operation in operations(world.app):
        if "requestBody" in operation:
            reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            schema = schemas[reference.rsplit("/", 1)[1]]
            check(world.app, schema, schema["examples"][0])
            bodies += 1
            assert method == "POST", path
    assert bodies >= 6


async def test_every_operation_says_what_it_does_and_how_it_fails(world: World) -> None:
    for method, path, operation in operations(world.app):
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        assert "500" in operation["responses"]
        for code, response in operation["responses"].items():
            if code >= "400":
                assert list(response["content"]) == ["application/problem+json"], (path, code)


async def test_the_reference_page_is_current_and_names_every_route(world: World) -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    for method, path, _ in operations(world.app):
        assert f"`{method} {path}`" in text
    assert text == api_page(world.app), "run python docs/generate_api.py"


def test_the_examples_name_no_route_that_is_gone() -> None:
    recorded = set(json.loads(EXAMPLES.read_text(encoding="utf-8")))
    assert recorded == {key for key, _, _ in CALLS}


async def test_every_route_fails_in_the_one_shape(world: World) -> None:
    for method, path, operation in operations(world.app):
        address = path.replace("{id}", "nothing-of-that-name")
        wrong = await world.http.request("PATCH", address)
        assert is_problem(wrong, 405)["detail"].startswith("PATCH")
        if "{id}" in path:
            every: dict[str, Any] = {"by": "x", "to": "y", "text": "z", "true": True, "answer": 0}
            body = every if method == "POST" else None
            if body:
                allowed = {
                    "assign": ("by", "to"),
                    "comment": ("by", "text"),
                    "label": ("by", "true"),
                    "answer": ("by", "answer"),
                }
                body = {name: body[name] for name in allowed.get(path.rsplit("/", 1)[1], ("by",))}
            missing = is_problem(await world.http.request(method, address, json=body), 404)
            assert missing["id"] == "nothing-of-that-name"
        if "requestBody" in operation:
            is_problem(await world.http.request(method, address, json={"unknown": 1}), 422)
            is_problem(
                await world.http.request(method, address, content=b"{", headers={"content-type": "application/json"}), 422
            )
        for parameter in operation.get("parameters", ()):
            if parameter["name"] == "limit":
                found = is_problem(await world.http.get(address, params={"limit": 0, "q": "x"}), 422)
                assert found["problems"][0]["where"] == "query.limit"


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api/v2/tree", "/nothing", "/../etc/passwd", "/api", "/lib/%2e%2e/%2e%2e/app.py"]
)
async def test_an_unknown_address_is_a_problem_too(world: World, path: str) -> None:
    is_problem(await world.http.get(path), 404)
    is_problem(await world.http.post(path), 404)


async def test_an_unexpected_failure_says_nothing_of_its_cause(world: World) -> None:
    def fails() -> Any:
        raise RuntimeError("the password is swordfish")

    world.build(rules=fails)
    body = is_problem(await world.http.get("/api/v1/rules"), 500)
    assert "swordfish" not in json.dumps(body)


async def test_a_store_that_is_down_is_503_and_worth_a_retry(world: World) -> None:
    await world.store.close()
    answer = await world.http.get("/api/v1/history", params={"point": "block-a.power"})
    is_problem(answer, 503)
    assert answer.headers["retry-after"] == "5"


async def test_records_that_fail_are_told_from_a_conflict(world: World) -> None:
    alert = world.alert()
    still_firing = is_problem(await world.http.post(f"/api/v1/alerts/{alert.id}/close", json={"by": "Li"}), 409)
    assert alert.id in still_firing["detail"]

    def broken(*_: Any, **__: Any) -> Any:
        raise RecordsError("database is locked")

    world.records.events = broken  # type: ignore[method-assign]
    is_problem(await world.http.get(f"/api/v1/alerts/{alert.id}"), 409)


async def test_every_answer_carries_the_headers_of_safety(world: World) -> None:
    for path in (
        "/",
        "/api/v1/tree",
        "/api/v1/nothing",
        "/healthz",
        "/metrics",
        "/alerts",
        "/api/v1/history?point=block-a.power&format=csv",
    ):
        answer = await world.http.get(path)
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, path


async def test_no_policy_of_ours_allows_inline_script_or_another_origin() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert re.findall(r"https?://|\*", policy) == []
    assert policy.startswith("default-src 'none'")


async def test_a_page_of_another_site_changes_nothing_and_reads_nothing(world: World) -> None:
    alert = world.alert()
    answer = await world.http.post(
        f"/api/v1/alerts/{alert.id}/acknowledge",
        json={"by": "x"},
        headers={"Sec-Fetch-Site": "cross-site", "Origin": "http://evil"},
    )
    is_problem(answer, 403)
    assert world.records.alert(alert.id).acknowledged_at is None
    read = await world.http.get("/api/v1/tree", headers={"Origin": "http://evil"})
    assert "access-control-allow-origin" not in read.headers
    simple = await world.http.post(
        f"/api/v1/alerts/{alert.id}/acknowledge", content=b'{"by":"x"}', headers={"Content-Type": "text/plain"}
    )
    is_problem(simple, 422)


async def test_where_hosts_are_named_no_other_is_served(world: World) -> None:
    world.build(ApiSettings(hosts=("127.0.0.1:8080",)))
    is_problem(await world.http.get("/api/v1/tree", headers={"Host": "rebound.example:8080"}), 403)
    assert (await world.http.get("/api/v1/tree", headers={"Host": "127.0.0.1:8080"})).status_code == 200
    world.build(ApiSettings(hosts=("steward.example", "[::1]")))
    for host in ("steward.example", "Steward.Example:8080", "[::1]:8080", "[::1]"):
        assert (await world.http.get("/api/v1/tree", headers={"Host": host})).status_code == 200, host
    for host in ("steward.example.evil", "evil-steward.example", "steward.example:80:80", ""):
        is_problem(await world.http.get("/api/v1/tree", headers={"Host": host}), 403)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),  # a program
        ({"Origin": "http://steward"}, 200),
        ({"Origin": "HTTP://Steward"}, 200),
        ({"Origin": "http://evil"}, 403),
        ({"Origin": "http://steward:81"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://shown.example", "Sec-Fetch-Site": "same-origin"}, 200),  # a proxy that changed the Host
        ({"Origin": "http://steward", "Sec-Fetch-Site": "same-site"}, 403),
    ],
)
async def test_over_plain_http_the_origin_tells_a_page_of_another_site(
    world: World, headers: dict[str, str], status: int
) -> None:
    alert = world.alert()
    answer = await world.http.post(f"/api/v1/alerts/{alert.id}/acknowledge", json={"by": "x"}, headers=headers)
    assert answer.status_code == status
    assert (world.records.alert(alert.id).acknowledged_at is None) == (status == 403)


async def test_what_a_device_or_a_person_wrote_stays_text(world: World, get: Get) -> None:
    nasty = "<script>alert(1)</script>\u2028</title>'\"&\x01"
    alert = world.alert()
    answer = await world.http.post(f"/api/v1/alerts/{alert.id}/comment", json={"by": nasty, "text": nasty})
    assert answer.status_code == 200
    detail = await world.http.get(f"/api/v1/alerts/{alert.id}")
    assert detail.json()["events"][-1]["comment"] == nasty
    assert detail.headers["content-type"] == "application/json"
    assert (await get("/devices/meter"))["name"][
        "" if "" in (await get("/devices/meter"))["name"] else "en"
    ] == "Meter <b>bold</b>"


async def test_a_body_that_is_too_large_is_refused(world: World) -> None:
    is_problem(await world.http.post("/api/v1/alerts/acknowledge", json={"by": "x" * 2_000_000, "ids": ["a"]}), 413)

    async def unsized() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 50_000

    headers = {"content-type": "application/json"}
    is_problem(await world.http.post("/api/v1/alerts/acknowledge", content=unsized(), headers=headers), 413)


async def test_a_reload_that_is_refused_lists_every_problem(world: World) -> None:
    async def refused() -> None:
        raise ConfigError([Problem("a.toml:point[p].unit", "unknown unit 'kX'", "kW"), Problem("a.toml:site", "missing")])

    world.build(reload=refused)
    body = is_problem(await world.http.post("/api/v1/reload"), 422)
    assert [problem["where"] for problem in body["problems"]] == ["a.toml:point[p].unit", "a.toml:site"]


async def test_a_store_failure_in_a_reload_is_no_success(world: World) -> None:
    async def down() -> None:
        raise StoreUnavailable("down")

    world.build(reload=down)
    is_problem(await world.http.post("/api/v1/reload"), 503)


async def test_two_apps_do_not_share_anything(world: World, tmp_path: Path) -> None:
    async with opened(tmp_path / "other") as other:
        world.alert()
        assert (await other.http.get("/api/v1/alerts")).json()["alerts"] == []
