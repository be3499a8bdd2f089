"""The Python API: a simulator in this process, for tests of any framework."""
