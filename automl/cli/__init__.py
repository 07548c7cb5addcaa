"""Commands: one file each; parse, call, print. Heavy imports stay inside the commands."""
