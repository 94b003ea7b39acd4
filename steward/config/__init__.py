"""The facility file: TOML -> validated `steward.model.Facility`; every problem reported at once."""
