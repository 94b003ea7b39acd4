"""Is the service fit to work, and if not, why: for /readyz, /server and the stream's `server` event."""

from __future__ import annotations

import asyncio
from typing import Any

from api.context import Context, in_thread
from api.reply import ms
from api.sentences import said
from steward.errors import RecordsError

PATIENCE = 2.0  # seconds that the records may take to answer


def quick_reasons(context: Context) -> list[str]:
    """Why the service is not ready, as far as can be told at once; empty: it is."""
    found = []
    for broker in context.services.brokers():
        if not broker.connected:
            found.append(f"broker {broker.id}: not connected" + (f" ({broker.error})" if broker.error else ""))
        found += [f"broker {broker.id}: subscription {topic} refused: {why}" for topic, why in broker.refused.items()]
    storage = context.services.storage()
    if storage.error:
        found.append(f"store: {storage.error}")
    if storage.spool_limit and storage.spool_bytes >= storage.spool_limit:
        found.append(f"spool: full ({storage.spool_bytes} of {storage.spool_limit} bytes)")
    return found


async def reasons(context: Context) -> list[str]:
    """Why the service is not ready, the records asked too."""
    found = quick_reasons(context)
    try:
        async with asyncio.timeout(PATIENCE):
            await in_thread(context.services.records.load_state, "ready")
    except (RecordsError, TimeoutError) as error:
        found.append(f"records: {str(error) or 'no answer'}")
    return found


def brokers(context: Context) -> list[dict[str, Any]]:
    """The brokers; schema.BrokerInfo."""
    return [
        {
            "id": broker.id,
            "url": broker.url,
            "connected": broker.connected,
            "since": ms(broker.since),
            "messages": broker.messages,
            "refused": dict(broker.refused),
            "error": broker.error,
            "said": said(broker.error).plain(),
        }
        for broker in context.services.brokers()
    ]


def state(context: Context) -> dict[str, Any]:
    """The data of a `server` event; schema.ServerEvent."""
    why = quick_reasons(context)
    return {
        "ready": not why,
        "reasons": why,
        "brokers": [{"id": b["id"], "connected": b["connected"]} for b in brokers(context)],
    }
