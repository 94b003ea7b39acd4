"""What the rule kinds for vehicles share: finding a vehicle's points, places on the ground, and slow trends by day.

Pure and vectorised over rows. Points are found by metric, since few trackers give roles; places are degrees outside and
local metres inside, whole across the antimeridian.
"""
