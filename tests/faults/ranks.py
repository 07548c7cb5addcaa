"""The fake trainer as a job of two processes, as torchrun starts them: where one dies, the job does.

It ends then as ``bevfusion`` does, with 128 + the number of the signal.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

TRAINER = Path(__file__).resolve().parents[1] / "fakes" / "trainer.py"


def main() -> int:
    if os.environ.get("RANK") == "1":
        while True:
            time.sleep(60)
    ranks = [
        subprocess.Popen([sys.executable, str(program), *sys.argv[1:]], env={**os.environ, "RANK": str(rank)})
        for rank, program in enumerate((TRAINER, Path(__file__).resolve()))
    ]
    pid, status = os.wait()
    for rank in ranks:
        if rank.pid != pid:
            rank.kill()
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
