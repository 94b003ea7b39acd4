"""Baselines, savings and residual monitoring measured on recorded and synthetic data."""
