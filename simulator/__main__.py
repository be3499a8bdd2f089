"""`python -m simulator` is the command."""

from simulator.cli import main

main(prog_name="simulator")
