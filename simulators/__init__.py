"""Simulated buildings and vehicles with labelled faults; they speak real MQTT with encoders of their own."""
