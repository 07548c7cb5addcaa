"""A trainer in forty lines that keeps the contract; the spec says how it behaves.

``train.lr`` decides the score: ``best_lr`` reaches 90 at the last epoch, each decade away costs 20 and adds
``swing`` at the second epoch alone.
``fail`` is a way to end badly at ``fail_epoch`` of the first launch; ``resume`` a checkpoint to start from.
"""

import json
import os
import sys
import time
from pathlib import Path

import yaml

EXIT_CODES = {"bad_spec": 2, "bad_data": 3, "out_of_memory": 4, "diverged": 5, "defect": 1, "tao_oom": 1}
MESSAGES = {"tao_oom": "CUDA out of memory. Tried to allocate 2.00 GiB"}


def main() -> int:
    spec = yaml.safe_load(Path(sys.argv[sys.argv.index("-e") + 1]).read_text())
    train, out = spec["train"], Path(spec["results_dir"])
    (out / "checkpoints").mkdir(parents=True, exist_ok=True)
    last, done = train["num_epochs"], 0
    if train.get("resume"):
        done = json.loads(Path(train["resume"]).read_text())["epoch"]

    def status(**line: object) -> None:
        with (out / "status.json").open("a") as stream:
            stream.write(json.dumps({"verbosity": "INFO", "message": "", **line}) + "\n")

    status(status="STARTED", max_epoch=last)
    sys.stdout.write(f"OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']} seed={train['seed']}\n")
    for epoch in range(done + 1, last + 1):
        time.sleep(train.get("epoch_s", 0))
        if (how := train.get("fail")) and epoch == train.get("fail_epoch", 1) and not done:
            status(status="FAILURE", message=MESSAGES.get(how, how))
            return EXIT_CODES[how]
        decades = abs(len(str(round(1 / train["lr"]))) - len(str(round(1 / train["best_lr"]))))
        score = max(0.0, 90 - 20 * decades) * epoch / last
        score += train.get("swing", 0.0) * decades * (epoch == 2)
        draft = out / "checkpoints" / f".epoch_{epoch}.tmp"
        draft.write_text(json.dumps({"epoch": epoch, "lr": train["lr"]}))
        draft.rename(out / "checkpoints" / f"epoch_{epoch}.pth")
        status(status="RUNNING", epoch=epoch, max_epoch=last, kpi={"AP11": score, "loss": 1 / epoch})
    status(status="SUCCESS", max_epoch=last)
    return 0


if __name__ == "__main__":
    sys.exit(main())
