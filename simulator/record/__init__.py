"""`simulator record`: mitmdump as a child that runs `mitm.py`, and what the operator sees of it."""
