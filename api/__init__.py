"""REST, server-sent events and the page: `create_app(services)`.

`Services` says what the API needs of the rest of Steward; `app.state.context` is what the rest tells it: changed alerts
(`take_alerts`), other events (`events.publish`), and the end (`events.close`, before the server waits for its clients).
"""

from __future__ import annotations

from api.app import create_app
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
    loopback_names,
    refuse_public_bind,
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
    "create_app",
    "loopback_names",
    "refuse_public_bind",
]
