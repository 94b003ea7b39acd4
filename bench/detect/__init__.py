"""What the detectors find, on recorded data, against libraries in the same run."""
