"""``bevfusion`` and ``python -m bevfusion``: the detector's command line."""

from bevfusion.cli.app import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
