"""REST, server-sent events and the page: `create_app(services)`.

`Services` says what the API needs of the rest of Steward; the rest tells it of changed alerts (`take_alerts`) and of the end
(`close_streams`, before the server waits for its clients).
"""

from __future__ import annotations

from api.app import close_streams, create_app, take_alerts
from api.context import Context
from api.services import (
    ApiSettings,
    BrokerState,
    DeviceState,
    Quarantine,
    RuleState,
    Services,
    StorageState,
    Wording,
    refuse_public_bind,
    served_hosts,
)

__all__ = [
    "ApiSettings",
    "BrokerState",
    "Context",
    "DeviceState",
    "Quarantine",
    "RuleState",
    "Services",
    "StorageState",
    "Wording",
    "close_streams",
    "create_app",
    "refuse_public_bind",
    "served_hosts",
    "take_alerts",
]
