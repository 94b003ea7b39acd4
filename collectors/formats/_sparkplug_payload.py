"""The Sparkplug B payload as protobuf messages, described in code from section 6.4 of the specification (no generated file).

https://sparkplug.eclipse.org/specification/version/3.0/documents/sparkplug-specification-3.0.0.pdf
Only what a host application reads is described; data sets, templates and metadata stay unknown fields.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "steward.sparkplug"
_TYPE = descriptor_pb2.FieldDescriptorProto

# name -> (number, type, repeated, oneof, message)
_PROPERTY_VALUE = (
    ("type", 1, _TYPE.TYPE_UINT32),
    ("is_null", 2, _TYPE.TYPE_BOOL),
    ("int_value", 3, _TYPE.TYPE_UINT32),
    ("long_value", 4, _TYPE.TYPE_UINT64),
    ("float_value", 5, _TYPE.TYPE_FLOAT),
    ("double_value", 6, _TYPE.TYPE_DOUBLE),
    ("boolean_value", 7, _TYPE.TYPE_BOOL),
    ("string_value", 8, _TYPE.TYPE_BYTES),
)
_METRIC = (
    ("name", 1, _TYPE.TYPE_BYTES),
    ("alias", 2, _TYPE.TYPE_UINT64),
    ("timestamp", 3, _TYPE.TYPE_UINT64),
    ("datatype", 4, _TYPE.TYPE_UINT32),
    ("is_historical", 5, _TYPE.TYPE_BOOL),
    ("is_transient", 6, _TYPE.TYPE_BOOL),
    ("is_null", 7, _TYPE.TYPE_BOOL),
    ("properties", 9, "PropertySet"),
    ("int_value", 10, _TYPE.TYPE_UINT32),
    ("long_value", 11, _TYPE.TYPE_UINT64),
    ("float_value", 12, _TYPE.TYPE_FLOAT),
    ("double_value", 13, _TYPE.TYPE_DOUBLE),
    ("boolean_value", 14, _TYPE.TYPE_BOOL),
    ("string_value", 15, _TYPE.TYPE_BYTES),
)
_PAYLOAD = (("timestamp", 1, _TYPE.TYPE_UINT64), ("seq", 3, _TYPE.TYPE_UINT64))
_VALUES = ("int_value", "long_value", "float_value", "double_value", "boolean_value", "string_value")


def _describe(file: descriptor_pb2.FileDescriptorProto, name: str, fields: Any) -> descriptor_pb2.DescriptorProto:
    """One message type; texts are described as bytes (same wire form), so that bad UTF-8 costs one metric, not the message."""
    message = file.message_type.add(name=name)
    if any(field[0] in _VALUES for field in fields):
        message.oneof_decl.add(name="value")
    for field, number, kind in fields:
        made = message.field.add(name=field, number=number, label=_TYPE.LABEL_OPTIONAL)
        if isinstance(kind, str):
            made.type, made.type_name = _TYPE.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
        else:
            made.type = kind
        if field in _VALUES:
            made.oneof_index = 0
    return message


def _payload() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="steward/sparkplug.proto", package=_PACKAGE, syntax="proto2")
    _describe(file, "PropertyValue", _PROPERTY_VALUE)
    properties = file.message_type.add(name="PropertySet")
    properties.field.add(name="keys", number=1, label=_TYPE.LABEL_REPEATED, type=_TYPE.TYPE_BYTES)
    properties.field.add(
        name="values", number=2, label=_TYPE.LABEL_REPEATED, type=_TYPE.TYPE_MESSAGE, type_name=f".{_PACKAGE}.PropertyValue"
    )
    _describe(file, "Metric", _METRIC)
    payload = _describe(file, "Payload", _PAYLOAD)
    payload.field.add(
        name="metrics", number=2, label=_TYPE.LABEL_REPEATED, type=_TYPE.TYPE_MESSAGE, type_name=f".{_PACKAGE}.Metric"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


Payload: Any = _payload()
"""The message class: `Payload.FromString(bytes)`."""
