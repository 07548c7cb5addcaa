import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.ray

USE = """
import os, ray
from pathlib import Path
from automl.adapters.ray_cluster import cluster
from automl.types import Resources

@ray.remote
def see():
    return Path(os.environ["RAY_AUTH_TOKEN_PATH"]).stat().st_mode & 0o777

with cluster(Resources(max_concurrent=1)):
    print(oct(ray.get(see.remote())))
print("RAY_AUTH_TOKEN_PATH" in os.environ)
"""


def test_ray_of_a_study_keeps_its_token_in_its_own_folder_and_needs_no_home() -> None:
    named = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
    env = {name: value for name, value in os.environ.items() if name not in named}
    argv = [sys.executable, "-c", USE]
    env["HOME"] = "/proc/nowhere"  # not even root can write there
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.returncode) == ("0o600\nFalse\n", 0), done.stderr
