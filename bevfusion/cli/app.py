"""Entry point of ``bevfusion``: the list of commands and their help."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

import typer

from bevfusion.cli.actions import dataset_convert, evaluate, export, inference, train
from bevfusion.cli.check import check
from bevfusion.cli.demo_data import demo_data
from bevfusion.cli.doctor import doctor
from bevfusion.cli.failures import told
from bevfusion.cli.probe import probe
from bevfusion.cli.schema import schema
from bevfusion.cli.score import score

__all__ = ["main"]


def main() -> None:
    """Run the command line of this process and end it with the exit code of what happened."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
    )
    sys.exit(told(application()))


def application() -> typer.Typer:
    """All commands."""
    app = typer.Typer(
        name="bevfusion",
        help="BEVFusion, the LiDAR + camera detector: convert data, train, evaluate, infer.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=_examples("bevfusion dataset_convert -e convert.yaml", "bevfusion train -e spec.yaml"),
    )
    for command, examples in _COMMANDS:
        app.command(command.__name__, epilog=_examples(*examples))(command)
    app.command("convert", hidden=True)(dataset_convert)
    return app


_COMMANDS: tuple[tuple[Callable[..., int | None], tuple[str, str]], ...] = (
    (
        dataset_convert,
        (
            "bevfusion dataset_convert -e references/spec_template_dataset_convert.yaml root_dir=/data/kitti",
            "bevfusion convert -e convert.yaml results_dir=/data/converted",
        ),
    ),
    (
        train,
        (
            "bevfusion train -e spec.yaml results_dir=results/first",
            "bevfusion train -e spec.yaml train.optimizer.lr=1e-3 train.num_epochs=20",
        ),
    ),
    (
        evaluate,
        (
            "bevfusion evaluate -e spec.yaml evaluate.checkpoint=results/first/checkpoints/epoch_10.pth",
            "bevfusion evaluate -e spec.yaml dataset.test_dataset.ann_file=kitti_person_infos_test.pkl",
        ),
    ),
    (
        inference,
        (
            "bevfusion inference -e spec.yaml inference.checkpoint=results/first/checkpoints/epoch_10.pth",
            "bevfusion inference -e spec.yaml inference.conf_threshold=0.3",
        ),
    ),
    (
        export,
        (
            "bevfusion export -e spec.yaml export.checkpoint=results/first/checkpoints/epoch_10.pth",
            "bevfusion export -e spec.yaml export.results_dir=exported export.onnx=false",
        ),
    ),
    (
        check,
        ("bevfusion check -e spec.yaml", "bevfusion check -e spec.yaml --action evaluate --json"),
    ),
    (
        probe,
        (
            "bevfusion probe -e spec.yaml",
            "bevfusion probe -e spec.yaml dataset.train_dataset.batch_size=8 --json",
        ),
    ),
    (
        doctor,
        (
            "bevfusion doctor -e spec.yaml",
            "bevfusion doctor -e spec.yaml dataset.root_dir=/data/kitti --json",
        ),
    ),
    (
        demo_data,
        ("bevfusion demo_data --out demo/data", "bevfusion demo_data --out small --frames 20 --seed 7"),
    ),
    (
        score,
        (
            "bevfusion score --gt kitti/training/label_2 --pred results/predictions",
            "bevfusion score --gt label_2 --pred pred --protocol kitti --classes Car,Pedestrian --json",
        ),
    ),
    (schema, ("bevfusion schema", "bevfusion schema --check")),
)


def _examples(first: str, second: str) -> str:
    return f"\b\nExamples:\n  {first}\n  {second}"
