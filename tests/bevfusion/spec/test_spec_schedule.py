import pytest


def by_type(spec):
    return {entry["type"]: entry for entry in spec.train.lr_scheduler}


def test_schedule_follows_the_number_of_epochs(load):
    spec = load("", "train.num_epochs=40")
    found = by_type(spec)
    assert (found["LinearLR"]["begin"], found["LinearLR"]["end"]) == (0, 2.0)
    assert found["CosineAnnealingLR"]["T_max"] == 40
    turn, back = [e for e in spec.train.lr_scheduler if e["type"] == "CosineAnnealingMomentum"]
    assert (turn["end"], back["begin"], back["end"]) == (9.6, 9.6, 40)


def test_momentum_returns_to_its_start_instead_of_one(load):
    *_, back = load().train.lr_scheduler
    assert back["eta_min_ratio"] == 1.0
    assert "eta_min" not in back


def test_explicit_schedule_is_used_as_it_stands(load):
    spec = load("train: {lr_scheduler: [{type: ConstantLR, factor: 1.0}], num_epochs: 3}")
    assert spec.train.lr_scheduler == ({"type": "ConstantLR", "factor": 1.0},)


def test_no_warm_up_and_no_cycle_leave_the_cosine_alone(load):
    spec = load("train: {schedule: {warmup_fraction: 0, momentum_cycle: false}}")
    assert [entry["type"] for entry in spec.train.lr_scheduler] == ["CosineAnnealingLR"]


@pytest.mark.torch
def test_mmengine_runs_the_derived_schedule(load):
    import torch
    from mmengine.optim import build_optim_wrapper
    from mmengine.registry import PARAM_SCHEDULERS

    model = torch.nn.Linear(1, 1)
    wrapper = build_optim_wrapper(model, {"optimizer": {"type": "AdamW", "lr": 1.0, "betas": (0.9, 0.999)}})
    schedulers = [
        PARAM_SCHEDULERS.build(dict(entry), default_args={"optimizer": wrapper, "epoch_length": 50})
        for entry in load().train.lr_scheduler
    ]
    rates, betas = [], []
    for _ in range(500):
        rates.append(wrapper.param_groups[0]["lr"])
        betas.append(wrapper.param_groups[0]["betas"][0])
        wrapper.optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    assert rates[0] == pytest.approx(1 / 3, rel=1e-3)
    assert max(rates) > 0.97
    assert rates[-1] == pytest.approx(1e-4, rel=0.2)
    assert min(betas) == pytest.approx(0.9 * 0.8947, rel=1e-3)
    assert betas[-1] == pytest.approx(0.9, rel=1e-3)
