"""The edge of the program: every way to fail becomes a message, a status line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import typer

from bevfusion.errors import BevfusionError
from bevfusion.launch import is_worker, leave_failure
from bevfusion.status import Phase, StatusWriter

__all__ = ["reported", "told"]

INTERRUPTED = 130


def told(app: typer.Typer) -> int:
    """Run the command line; errors go to stderr, and their exit code comes back."""
    try:
        code = app(standalone_mode=False)
    except BevfusionError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except typer.TyperException as error:
        _tell_usage(error)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception:  # noqa: BLE001 - whatever was not foreseen ends here, with its traceback
        traceback.print_exc()
        return 1
    return code if isinstance(code, int) else 0


def _tell_usage(error: typer.TyperException) -> None:
    if hasattr(error, "show"):  # knows the command, its usage line, and where help is found
        error.show()
    else:
        print(f"error: {error}", file=sys.stderr)


@contextmanager
def reported(results_dir: Path | None) -> Iterator[None]:
    """Put a failure of what runs inside into ``status.json`` of the results, and let it pass.

    One of several processes tells the process that started it, which then does so for all.

    Args:
        results_dir: folder of the results; None when it is not known.
    """
    try:
        yield
    except Exception as error:
        is_foreseen = isinstance(error, BevfusionError)
        message = str(error) if is_foreseen else f"{type(error).__name__}: {error}"
        if is_worker(os.environ):
            leave_failure(message, error.exit_code if isinstance(error, BevfusionError) else 1)
        elif results_dir is not None:
            with suppress(OSError):  # a folder that cannot be written must not hide what went wrong
                StatusWriter(results_dir / "status.json").write(Phase.FAILURE, message)
        raise
