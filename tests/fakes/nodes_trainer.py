"""A trainer of several nodes: every node says that it is there, and node 0 reports once all are.

``train.die`` names a rank that ends with exit code 9 in its first launch, after the first epoch.
"""

import json
import os
import sys
import time
from pathlib import Path

import yaml


def main() -> int:
    spec = yaml.safe_load(Path(sys.argv[sys.argv.index("-e") + 1]).read_text())
    train, out = spec["train"], Path(spec["results_dir"])
    rank, nodes = int(os.environ.get("NODE_RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    is_first = not train.get("resume")
    wanted = {name: os.environ.get(name, "") for name in ("MASTER_ADDR", "MASTER_PORT", "NUM_GPU_PER_NODE")}
    (out / f"node{rank}.json").write_text(
        json.dumps(
            {
                **wanted,
                "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
                "tao_gpus": os.environ.get("TAO_VISIBLE_DEVICES"),
            }
        )
    )
    if rank:
        while not (out / "epoch_1.pth").exists():
            time.sleep(0.05)
        if rank == train.get("die") and is_first:
            return 9
        while not (out / "done").exists():
            time.sleep(0.05)
        return 0
    while len(list(out.glob("node*.json"))) < nodes:
        time.sleep(0.05)
    done = json.loads(Path(train["resume"]).read_text())["epoch"] if train.get("resume") else 0
    for epoch in range(done + 1, train["num_epochs"] + 1):
        (out / f"epoch_{epoch}.pth").write_text(json.dumps({"epoch": epoch}))
        with (out / "status.json").open("a") as stream:
            stream.write(
                json.dumps({"status": "RUNNING", "epoch": epoch, "kpi": {"AP11": 10.0 * epoch}}) + "\n"
            )
        while is_first and train.get("die") and epoch == 1:
            time.sleep(0.05)
    (out / "done").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
