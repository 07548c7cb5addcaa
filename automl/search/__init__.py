"""What decides which trials are worth going on with."""
