"""The edge of the house: with drive/, the only code that touches sockets and real time."""
