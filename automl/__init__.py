"""AutoML for 3D perception: reads a model's schema, searches its parameters, records what it learned."""

__version__ = "0.1.0"
__all__ = ["__version__"]
