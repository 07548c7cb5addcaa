"""An ``evaluate`` action in a few lines: the score of a checkpoint is 60 less 10 for each decade off 1e-3."""

import json
import math
import sys
from pathlib import Path

import yaml


def main() -> int:
    spec = yaml.safe_load(Path(sys.argv[sys.argv.index("-e") + 1]).read_text())
    out = Path(spec["results_dir"])
    with (out / "status.json").open("a") as stream:
        if not Path(spec["evaluate"]["checkpoint"]).is_file():
            stream.write(json.dumps({"status": "FAILURE", "message": "no checkpoint"}) + "\n")
            return 3
        rate = json.loads(Path(spec["evaluate"]["checkpoint"]).read_text())["lr"]
        kpi = {"AP11": 60 - 10 * abs(math.log10(rate) + 3), "frames": len(spec["dataset"]["test_file"])}
        stream.write(json.dumps({"status": "SUCCESS", "message": "measured", "kpi": kpi}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
