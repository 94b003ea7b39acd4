"""Collectors: bytes in, batches out. `mqtt` speaks to brokers, `formats` decode, `pipeline` makes batches durable."""
