"""What everything else may use: errors, settings, bounds, logs."""
