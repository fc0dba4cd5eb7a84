"""Long computations that the worker does before a curation is evaluated."""
