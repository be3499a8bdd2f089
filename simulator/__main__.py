"""The command, as `simulator` and as `python -m simulator`: what a signal does before there is a loop to stop."""

import os
import signal
import sys


def main() -> None:
    """Run the command line. To be called by a process that is ours alone."""
    if sys.argv[1:2] == ["serve"]:
        # Nothing has begun that an end could spoil, and an exception out of an import may be swallowed there. The loop
        # takes both over (`serve/terminal.py`).
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: os._exit(0))
    else:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # To look for plugins pydantic reads what each installed package offers, and none of them has a part in this.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from simulator.cli import main as command

    command(prog_name="simulator")


if __name__ == "__main__":
    main()
