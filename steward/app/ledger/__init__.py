"""The ledger within the service: books of every register, their records, what people do to them."""
