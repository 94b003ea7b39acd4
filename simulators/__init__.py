"""Simulated buildings and vehicles with labelled faults; they speak real MQTT with encoders of their own.

Pure: noise, plan, layout, weather, occupancy, hvac, electricity, water, vehicles, faults, campus, devices, encoders.
Shell: publisher (a small MQTT client), player, replay. Nothing here imports the collectors: the decoders are judged by
what these encoders write. Everything is a function of (seed, start) alone; times are parameters.
"""
