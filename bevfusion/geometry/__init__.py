"""Frames, boxes and their overlap; every convention is stated where it is defined."""
