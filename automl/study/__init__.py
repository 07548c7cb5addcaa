"""A study on disk: its events, the state they add up to, and what is told to people and programs."""
