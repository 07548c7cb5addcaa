"""Entry point of ``automl``: finds the command that was asked for, runs it, and tells what went wrong."""

from __future__ import annotations

import importlib
import json
import logging
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import typer

from automl import __version__
from automl.cli.outlets import keep_talking
from automl.errors import AutomlError, EnvironmentUnusableError, ExitCode

__all__ = ["COMMANDS", "Command", "application", "main"]


@dataclass(frozen=True)
class Command:
    """Where a command lives: a module with one function called ``command``, and its line in ``--help``."""

    module: str
    summary: str


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "init": Command("automl.cli.init", "Write a commented run.yaml for your own data."),
        "run": Command("automl.cli.run", "Start a study, or one plain action."),
        "plan": Command("automl.cli.plan", "Show what run would do, without doing it."),
        "space": Command("automl.cli.space", "Show the resolved search space alone."),
        "doctor": Command("automl.cli.doctor", "Check this machine, this data, this evaluator."),
        "status": Command("automl.cli.status", "Show one study: state, trials, incumbent."),
        "resume": Command("automl.cli.resume", "Go on with an interrupted study."),
        "stop": Command("automl.cli.stop", "Stop a study cleanly."),
        "sync": Command("automl.cli.sync", "Send to MLflow, and to results at a URI, what they missed."),
        "rebuild": Command("automl.cli.rebuild", "Make best/, report and MLflow runs anew from the events."),
        "best": Command("automl.cli.best", "Show the winner: spec, checkpoint, metrics."),
        "export": Command("automl.cli.export", "Export one trial as a folder to be used elsewhere."),
        "reproduce": Command("automl.cli.reproduce", "Train one trial once more, and compare."),
        "report": Command("automl.cli.report", "Write the study as one HTML page."),
        "insight": Command("automl.cli.insight", "Show what mattered, who led when, and what it cost."),
        "replay": Command("automl.cli.replay", "Retrace a study's decisions, and derive them again."),
        "why": Command("automl.cli.why", "Explain one trial in a paragraph."),
        "list": Command("automl.cli.list_", "List all studies and jobs."),
        "ui": Command("automl.cli.ui", "Open the MLflow UI on the right store."),
        "completion": Command("automl.cli.completion", "Print the completion script of a shell."),
    }
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command line and end the process with its exit code (contract section 4)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    keep_talking()
    _configure_logging(quiet="--quiet" in arguments)
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    try:
        code = application(arguments)(arguments, prog_name="automl", standalone_mode=False)
    except AutomlError as error:
        return _tell(error, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except typer.TyperException as error:
        return _tell_usage(error, as_json=as_json)
    except Exception as error:  # noqa: BLE001  # the edge: everything unexpected ends here, with its traceback
        if refusal := _refusal(error):
            return _tell(refusal, as_json=as_json)
        traceback.print_exc()
        if as_json:
            _print_error("defect", f"{type(error).__name__}: {error}")
        return ExitCode.DEFECT
    return code if isinstance(code, int) else ExitCode.DONE


def application(arguments: Sequence[str]) -> typer.Typer:
    """The application with the invoked command real and all others as names, so that help loads nothing."""
    app = typer.Typer(
        name="automl",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        epilog=_EPILOG,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_options)
    invoked = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, command in COMMANDS.items():
        if name == invoked:
            function = importlib.import_module(command.module).command
            # Docstrings are raw, where click's mark of a paragraph that keeps its lines is two letters.
            app.command(name, help=(function.__doc__ or "").replace(r"\b", "\b"))(function)
        else:
            app.command(name, help=command.summary)(_unloaded)
    return app


def _options(
    version: bool = typer.Option(False, "--version", help="Print the version and leave.", is_eager=True),
) -> None:
    """Tune 3D perception models: policy, search space, trials, early stopping, tracking."""
    if version:
        print(__version__)
        raise typer.Exit


def _unloaded() -> None:
    """Stand in for a command that was not asked for."""


_EPILOG = """\b
Examples:
  automl plan --model bevfusion --data ./kitti
  automl run --model bevfusion --data ./kitti --trials 20
"""


def _configure_logging(*, quiet: bool) -> None:
    """Logs go to stderr, so that stdout carries results alone."""
    logging.basicConfig(
        level=logging.WARNING if quiet else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
    )


def _refusal(error: Exception) -> AutomlError | None:
    """What to tell of a path that the system refuses: no right to it, too long, a disk that fails.

    A file that is missing is none of these: each command asks for those it needs.
    """
    if not isinstance(error, OSError) or isinstance(error, FileNotFoundError) or error.filename is None:
        return None
    hint = "see that this account may use it, or name another place"
    reason = error.strerror or type(error).__name__
    return EnvironmentUnusableError(f"cannot be used: {reason}", where=str(error.filename), hint=hint)


def _tell(error: AutomlError, *, as_json: bool) -> int:
    if as_json:
        first = error.faults[0]
        message = first.message if len(error.faults) == 1 else str(error)
        _print_error(error.kind, message, where=first.where, hint=first.hint)
    else:
        print(f"error: {error}", file=sys.stderr)
    return error.exit_code


def _tell_usage(error: typer.TyperException, *, as_json: bool) -> int:
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if as_json:
        _print_error("usage", message, hint="see --help of the command")
    elif hasattr(error, "show"):
        error.show()
    else:
        print(f"error: {message}", file=sys.stderr)
    return ExitCode.USAGE


def _print_error(kind: str, message: str, *, where: str = "", hint: str = "") -> None:
    print(json.dumps({"error": {"kind": kind, "message": message, "where": where, "hint": hint}}))
