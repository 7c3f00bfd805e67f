"""What endpoints take and answer: descriptors, which check values and tell of themselves."""
