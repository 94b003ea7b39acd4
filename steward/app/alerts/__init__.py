"""From committed samples to alerts: judging, the desk, corrections, prices."""
