"""Makes a trained detector ready to be carried away and used."""
