"""Rates of the InfluxDB engine, against the client's own way of writing and against Telegraf."""
