"""A mock backend simulator and record/replay proxy for real-time chat protocols."""

__version__ = "0.1.0"
