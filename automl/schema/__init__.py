"""What may be set and searched: reads schemas, specs and search-space files into typed values."""
