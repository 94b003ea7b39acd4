"""Money, carbon and standard coal of consumption, by the facility's tariffs and factors."""
