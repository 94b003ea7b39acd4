"""Detectors of what is unusual, behind one interface (`score`, `learn`); pure: no I/O, no clock, no chance.

A detector scores a value by what it knew before that value, then learns it: so it never looks ahead, and two runs agree.
Scalar forms serve one series a sample at a time; bank forms hold many series as arrays and agree with the scalar ones.
"""
