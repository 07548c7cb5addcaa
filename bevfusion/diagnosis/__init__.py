"""Says why a detector scores as it does, not only how it scores."""
