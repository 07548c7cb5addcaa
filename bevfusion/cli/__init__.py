"""The commands of ``bevfusion``; each loads what it needs only when it is run."""
