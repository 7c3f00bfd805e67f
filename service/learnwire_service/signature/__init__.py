"""What a model takes and answers, and the checks of one item against it."""
