"""What the metering ledger is measured on, and against whom."""
