"""What all tests share: property tests repeat the same examples everywhere, and no clock judges them on a busy machine."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

settings.register_profile(
    "steward", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("steward")
if hasattr(providers, "_get_local_constants"):
    # it draws numbers and words from the source of whatever modules are imported: the examples of a test would change with
    # the tests that ran before it in the same worker, and with every line of the product
    providers._get_local_constants = lambda: providers._local_constants
