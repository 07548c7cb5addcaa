"""BEVFusion, the LiDAR + camera detector: converts data, trains, evaluates and infers from one spec file."""

__version__ = "0.1.0"
__all__ = ["__version__"]
