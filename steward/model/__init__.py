"""The vocabulary of Steward: what a point, a batch, an alert is. Standard library and numpy only.

Invariants: times are int64 nanoseconds since 1970 UTC inside arrays and records; values are in the canonical unit of
their metric; everything here is immutable but `PointIndex`, which only grows.
"""

from __future__ import annotations

from steward.model.alerts import SEVERITIES, Alert, Condition, Delivery, Human, Severity
from steward.model.facility import Facility
from steward.model.metrics import METRICS, Kind, Nature
from steward.model.names import Text, text
from steward.model.places import EQUIP_TYPES, Calendar, Equip, Organisation, Site, Space
from steward.model.points import DERIVED, Channel, Device, Point, Template, TemplatePoint
from steward.model.samples import Batch, BoolArray, ByteArray, FloatArray, IntArray, NumberArray, PointIndex, Quality

__all__ = [
    "DERIVED",
    "EQUIP_TYPES",
    "METRICS",
    "SEVERITIES",
    "Alert",
    "Batch",
    "BoolArray",
    "ByteArray",
    "Calendar",
    "Channel",
    "Condition",
    "Delivery",
    "Device",
    "Equip",
    "Facility",
    "FloatArray",
    "Human",
    "IntArray",
    "Kind",
    "Nature",
    "NumberArray",
    "Organisation",
    "Point",
    "PointIndex",
    "Quality",
    "Severity",
    "Site",
    "Space",
    "Template",
    "TemplatePoint",
    "Text",
    "text",
]
