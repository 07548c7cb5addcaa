"""Every file of outside that is read."""

from collections.abc import Mapping

from tests.fuzz.data_sets import DATA_SETS
from tests.fuzz.detector import DETECTOR
from tests.fuzz.skills import SKILLS
from tests.fuzz.studies import STUDIES
from tests.fuzz.target import Target

__all__ = ["TARGETS"]

TARGETS: Mapping[str, Target] = {**SKILLS, **STUDIES, **DATA_SETS, **DETECTOR}
