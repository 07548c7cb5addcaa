"""The spec: what an experiment depends on, typed, complete and consistent before anything heavy starts."""

from bevfusion.spec.actions import ConvertSpec
from bevfusion.spec.derive import derive
from bevfusion.spec.experiment import ExperimentSpec
from bevfusion.spec.reading import load_convert_spec, load_spec

__all__ = ["ConvertSpec", "ExperimentSpec", "derive", "load_convert_spec", "load_spec"]
