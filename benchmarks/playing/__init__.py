"""Objectives that behave like trainings, and players of them: our strategies, and what others offer."""
