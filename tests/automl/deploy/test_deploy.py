"""The deployment examples: they parse, hold what their platforms require, and pin what they run."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from automl.cli.options import RUN_OPTIONS

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def images(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["image"]] if isinstance(node.get("image"), str) else []
        return own + [image for child in node.values() for image in images(child)]
    return [image for child in node for image in images(child)] if isinstance(node, list) else []


def test_every_image_is_pinned() -> None:
    dockerfile = re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    found = images(documents("compose/compose.yaml")) + images(documents("kuberay/rayjob.yaml")) + dockerfile
    assert len(found) == 7
    assert [image for image in found if not re.search(r":[^:/]*\d", image)] == []
    assert {image for image in found if image.startswith("automl-3d")} == {f"automl-3d:{PROJECT['version']}"}


def test_compose_publishes_on_loopback_alone_and_holds_no_secret() -> None:
    (compose,) = documents("compose/compose.yaml")
    services = compose["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    known = {name for service in services.values() for name in service.get("depends_on", {})}
    assert known <= set(services)
    secrets = {
        value
        for service in services.values()
        for name, value in service.get("environment", {}).items()
        if re.search("PASSWORD|SECRET|ACCESS_KEY", name)
    }
    assert [value for value in secrets if not value.startswith("${")] == []


def test_rayjob_has_what_its_kind_requires_and_a_folder_that_all_nodes_share() -> None:
    job, claim = documents("kuberay/rayjob.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    (ray,) = (
        line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("ray==")
    )
    assert f"ray=={cluster['rayVersion']}" == ray
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    assert [group["groupName"] for group in groups[1:]] == ["gpu"]
    for group in groups:
        pod = group["template"]["spec"]
        mounted = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_slurm_script_is_one_that_bash_reads() -> None:
    script = DEPLOY / "slurm" / "study.sbatch"
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def command_lines() -> list[str]:
    (job, _) = documents("kuberay/rayjob.yaml")
    script = (DEPLOY / "slurm" / "study.sbatch").read_text().replace("\\\n", " ")
    return [job["spec"]["entrypoint"], *re.findall(r"automl run .*?--yes", script)]


@pytest.mark.parametrize("line", command_lines())
def test_every_flag_is_one_that_run_has(line: str) -> None:
    known = {get_args(option)[1].default for option in RUN_OPTIONS.values()}
    flags = re.findall(r"--[a-z-]+", line)
    assert len(flags) >= 8
    assert [flag for flag in flags if flag not in known] == []
