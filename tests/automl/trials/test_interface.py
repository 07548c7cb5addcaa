import os

from automl.ports import NodePlace
from automl.trials.interface import find_interface
from automl.trials.launcher import trainer_environment

PLACE = NodePlace(rank=1, nodes=2, address="127.0.0.1", port=29500)


def test_interface_is_the_one_on_the_way_to_the_address() -> None:
    assert find_interface("127.0.0.1") == "lo"


def test_address_that_is_none_has_no_interface() -> None:
    assert find_interface("::1") is None


def test_trial_of_several_nodes_is_told_its_interface_unless_the_user_said_it() -> None:
    told = trainer_environment(os.environ, 1, PLACE)["GLOO_SOCKET_IFNAME"]
    chosen = trainer_environment({"GLOO_SOCKET_IFNAME": "eth7"}, 1, PLACE)["GLOO_SOCKET_IFNAME"]
    assert (told, chosen) == ("lo", "eth7")
    assert "GLOO_SOCKET_IFNAME" not in trainer_environment({}, 1)
