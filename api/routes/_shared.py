"""What every router says about itself in OpenAPI: the failures it can answer with, and an example of success."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query

from api.problems import CODES, MEDIA_TYPE

Under = Annotated[
    str,
    Query(description="a node's or device's key (`site:block-a`) or bare id: only what hangs below it", max_length=220),
]


def failures(*codes: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses for the failures of a route; 500 is always among them."""
    return {
        code: {"description": CODES[code], "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
        for code in (*codes, 500)
    }
