"""One trial as a folder and a process: written, launched, followed, stopped."""
