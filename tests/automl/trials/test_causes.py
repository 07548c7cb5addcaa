import pytest

from automl.trials.causes import cause_of
from automl.types import Cause


@pytest.mark.parametrize(
    ("code", "cause"), [(137, Cause.INFRASTRUCTURE), (-9, Cause.INFRASTRUCTURE), (99, Cause.DEFECT)]
)
def test_killed_is_infrastructure_and_an_unknown_code_a_defect(code: int, cause: Cause) -> None:
    assert cause_of(code, "") is cause


@pytest.mark.parametrize(
    ("code", "message"),
    [(137, ""), (-9, ""), (1, "DataLoader worker (pid 7) is killed by signal: Killed."), (137, "rank 1")],
)
def test_killed_by_the_kernel_is_out_of_memory(code: int, message: str) -> None:
    assert cause_of(code, message, oom_kills=1) is Cause.OUT_OF_MEMORY
    assert cause_of(code, message) is not Cause.OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("code", "cause"), [(1, Cause.DEFECT), (2, Cause.BAD_SPEC), (143, Cause.INFRASTRUCTURE)]
)
def test_what_the_kernel_did_to_a_neighbour_is_not_its_own(code: int, cause: Cause) -> None:
    assert cause_of(code, "index out of range", oom_kills=1) is cause


@pytest.mark.parametrize(
    "message", ["cannot write: [Errno 28] No space left on device", "bind: Address already in use"]
)
def test_what_the_machine_lacks_is_its_own_fault(message: str) -> None:
    assert cause_of(1, message) is cause_of(3, message) is Cause.INFRASTRUCTURE
    assert cause_of(1, "index out of range") is Cause.DEFECT
