"""What was found on data that no constant was chosen on: series, water and gas meters, networks, days of buildings."""
