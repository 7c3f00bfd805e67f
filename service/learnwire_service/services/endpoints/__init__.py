"""Services and their endpoints: what users write, and what calls it."""
