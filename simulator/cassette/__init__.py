"""Recordings: the file, what writes it, what keeps secrets out of it."""
