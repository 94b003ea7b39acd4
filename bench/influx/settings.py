"""What both sides of the comparison share, and Telegraf's configuration."""

from __future__ import annotations

from collections.abc import Iterable

ORG = "steward-test"

TELEGRAF = """[agent]
  interval = "1s"
  metric_batch_size = {batch}
  metric_buffer_limit = 200000
  flush_interval = "{flush}"
  flush_jitter = "0s"
  omit_hostname = true
  quiet = true
[[outputs.influxdb_v2]]
  urls = ["{influx}"]
  token = "${{STEWARD_INFLUX_TOKEN}}"
  organization = "{org}"
  bucket = "{bucket}"
  content_encoding = "identity"
[[inputs.mqtt_consumer]]
  servers = ["tcp://{broker}"]
  topics = ["steward/v1/+/telemetry"]
  qos = 1
  persistent_session = true
  client_id = "{client_id}"
  max_undelivered_messages = {undelivered}
{parser}"""
"""Acknowledged after the write (mqtt_consumer tracks its messages), as Steward does."""

ONE_LINE = """  data_format = "json"
  json_time_key = "at"
  json_time_format = "unix_ns"
"""
"""One line of four fields a message."""


def line_a_value(fields: Iterable[str]) -> str:
    """A series a point, as Steward writes, which adds arrival and quality to each line."""
    parts = ['  data_format = "json_v2"\n']
    parts += [
        f'  [[inputs.mqtt_consumer.json_v2]]\n    measurement_name = "{field}"\n    timestamp_path = "at"\n'
        f'    timestamp_format = "unix_ns"\n    [[inputs.mqtt_consumer.json_v2.field]]\n'
        f'      path = "values.{field}"\n      rename = "value"\n      type = "float"\n'
        for field in fields
    ]
    return "".join(parts)
