"""The benchmarks are scripts: their folder is put on the path as Python does when it runs one."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
