"""The OpenAPI document: FastAPI's, with one shape of failure, an example for every answer, and the types of the events.

Invariants: every operation has a summary, a description and an example of success (api/examples.json, recorded from a
running service by docs/generate_api.py); failures are `application/problem+json` and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from api.problems import CODES, MEDIA_TYPE
from api.schema import Problem
from api.schema_service import EVENTS

EXAMPLES = Path(__file__).parent / "examples.json"
REFERENCE = "#/components/schemas/{model}"


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an app, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            tags=app.openapi_tags,
            routes=app.routes,
        )
        schemas = made["components"]["schemas"]
        models: list[type[BaseModel]] = [Problem, *EVENTS.values()]
        for model in models:
            schema = model.model_json_schema(ref_template=REFERENCE)
            schemas.update(schema.pop("$defs", {}))
            schemas[model.__name__] = schema
        examples = msgspec.json.decode(EXAMPLES.read_bytes()) if EXAMPLES.is_file() else {}
        for path, operations in made["paths"].items():
            for method, operation in operations.items():
                _finish(operation, examples.get(f"{method.upper()} {path}"))
        app.openapi_schema = made
    return app.openapi_schema


def _finish(operation: dict[str, Any], example: Any) -> None:
    if "requestBody" in operation:
        operation["responses"].setdefault("400", {"description": CODES[400]})
    for code, response in operation["responses"].items():
        content = response.get("content", {})
        if code >= "400":
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model=Problem.__name__)}}}
        elif example is not None and "application/json" in content:
            content["application/json"].setdefault("example", example)
