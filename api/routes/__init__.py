"""One router per subject, all under /api/v1."""
