"""A quick trainer of whose trials three of ten fail, each in one of five ways.

The nearer ``train.lr`` to 1e-3, the better. A trial that diverges boasts in its first epoch: that must not
count. One that is killed is killed once.
"""

import json
import math
import os
import signal
import sys
from pathlib import Path

import yaml

WAYS = ("out_of_memory", "diverged", "killed", "not_a_number", "silent")
EXIT_CODES = {"out_of_memory": 4, "diverged": 5}


def way_of(trial: int) -> str | None:
    """How the trial of this number fails; None if it does not."""
    place = {1: 0, 4: 1, 7: 2}.get(trial % 10)
    return None if place is None else WAYS[(trial // 10 * 3 + place) % len(WAYS)]


def score(lr: float) -> float:
    """Value of the last epoch."""
    return 90 - 20 * abs(math.log10(lr) + 3)


def main() -> int:
    spec = yaml.safe_load(Path(sys.argv[sys.argv.index("-e") + 1]).read_text())
    train, out = spec["train"], Path(spec["results_dir"])
    (out / "checkpoints").mkdir(parents=True, exist_ok=True)
    last, done = train["num_epochs"], 0
    if train.get("resume"):
        done = json.loads(Path(train["resume"]).read_text())["epoch"]
    way = way_of(int(out.name)) if out.name.isdigit() else None

    def status(**line: object) -> None:
        with (out / "status.json").open("a") as stream:
            stream.write(json.dumps({"verbosity": "INFO", "message": "", **line}) + "\n")

    status(status="STARTED", max_epoch=last)
    for epoch in range(done + 1, last + 1):
        if way == "killed" and not (out / "was_killed").exists():
            (out / "was_killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if way in EXIT_CODES and epoch == (2 if way == "diverged" else 1):
            status(status="FAILURE", message=way)
            return EXIT_CODES[way]
        value = 99.0 if way == "diverged" else score(train["lr"]) * (0.5 + 0.5 * epoch / last)
        (out / "checkpoints" / f"epoch_{epoch}.pth").write_text(json.dumps({"epoch": epoch}))
        kpi = {} if way == "silent" else {"AP11": math.nan if way == "not_a_number" else value}
        status(status="RUNNING", epoch=epoch, max_epoch=last, kpi=kpi)
    status(status="SUCCESS", max_epoch=last)
    return 0


if __name__ == "__main__":
    sys.exit(main())
