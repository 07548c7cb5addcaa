import json

from bevfusion.status import Phase, StatusWriter


def test_a_line_has_the_keys_that_the_platform_reads(tmp_path):
    StatusWriter(tmp_path / "status.json").write(
        Phase.RUNNING, "epoch 3 of 27", epoch=3, max_epoch=27, kpi={"AP11": 41.2}
    )
    line = json.loads((tmp_path / "status.json").read_text())
    assert {"date", "time"} < set(line)
    assert (line["status"], line["verbosity"], line["message"]) == ("RUNNING", "INFO", "epoch 3 of 27")
    assert (line["epoch"], line["max_epoch"], line["kpi"]) == (3, 27, {"AP11": 41.2})


def test_a_number_that_is_not_finite_becomes_null(tmp_path):
    StatusWriter(tmp_path / "status.json").write(Phase.RUNNING, kpi={"AP11": float("nan"), "loss": 1.5})
    assert json.loads((tmp_path / "status.json").read_text())["kpi"] == {"AP11": None, "loss": 1.5}


def test_a_line_cut_by_a_kill_is_dropped_before_the_next_one(tmp_path):
    path = tmp_path / "status.json"
    path.write_text('{"status": "STARTED"}\n{"status": "RUNN')
    StatusWriter(path).write(Phase.SUCCESS)
    assert [json.loads(line)["status"] for line in path.read_text().splitlines()] == ["STARTED", "SUCCESS"]
