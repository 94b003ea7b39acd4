"""What both sides of the comparison share, and Telegraf's configuration."""

from __future__ import annotations

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
  data_format = "json"
  json_time_key = "at"
  json_time_format = "unix_ns"
"""
"""Acknowledged after the write (mqtt_consumer tracks its messages), as Steward does. One line of four fields a message."""
