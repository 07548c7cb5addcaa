"""The packages that the detector stands on, and the device that torch sees."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from bevfusion.doctor.check import Check, CheckStatus, attempt

__all__ = ["check_packages", "check_stack", "check_torch"]

_DISTRIBUTION = "automl-3d"
_EXTRA = "detector"
_INSTALL = f"pip install --constraint constraints.txt '{_DISTRIBUTION}[{_EXTRA}]'"


def check_packages() -> Check:
    """Versions of everything that the detector asks for, without importing one."""
    try:
        wanted = [Requirement(line) for line in requires(_DISTRIBUTION) or ()]
    except PackageNotFoundError:
        found = f"{_DISTRIBUTION} is not installed, so nobody knows which versions it wants"
        return Check("detector packages", CheckStatus.WARNING, found, _INSTALL)
    mine = [w for w in wanted if w.marker is None or w.marker.evaluate({"extra": _EXTRA})]
    if wrong := [*_wrong_packages(mine)]:
        return Check("detector packages", CheckStatus.FAILED, "; ".join(wrong), _INSTALL)
    found = ", ".join([f"Python {platform.python_version()}", *(f"{w.name} {version(w.name)}" for w in mine)])
    return Check("detector packages", CheckStatus.OK, found)


def _wrong_packages(wanted: list[Requirement]) -> Iterator[str]:
    for requirement in wanted:
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield f"{requirement.name} is missing, {requirement.specifier} is needed"
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield f"{requirement.name} {found}, {requirement.specifier} is needed"


def check_torch() -> Check:
    """Which device the detector would run on, with its memory."""
    check = attempt("torch device", _describe_device, remedy=_INSTALL)
    if check.status is CheckStatus.OK and check.found.startswith("cpu"):
        remedy = "fine for the tiny profile; for real data use a machine with a GPU and a CUDA build of torch"
        return Check(check.name, CheckStatus.WARNING, check.found, remedy)
    return check


def _describe_device() -> str:
    import torch  # noqa: PLC0415 - a doctor must start where torch does not

    if not torch.cuda.is_available():
        build = f"a build for CUDA {torch.version.cuda}" if torch.version.cuda else "a build for the CPU"
        return f"cpu, {torch.get_num_threads()} threads; torch {torch.__version__} is {build}"
    cards = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    names = ", ".join(f"{card.name} of {card.total_memory / 1e9:.0f} GB" for card in cards)
    return f"cuda {torch.version.cuda}: {names}"


def check_stack() -> Check:
    """Whether the packages work together: everything that the detector imports is imported."""
    remedy = f"one of the packages does not fit the others: {_INSTALL}"
    return attempt("detector imports", _import_stack, remedy=remedy)


def _import_stack() -> str:
    from bevfusion.model import register  # noqa: PLC0415
    from bevfusion.ops import register_mmcv_ops  # noqa: PLC0415

    register()
    operators = "torch versions of mmcv's operators" if register_mmcv_ops() else "compiled mmcv operators"
    return f"mmdet3d and everything below it, with {operators}"
