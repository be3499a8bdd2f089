"""`python -m bench.on_uvloop MODULE ...`: that module as a program, whose loop is uvloop's."""

import runpy
import sys
from importlib import import_module

sys.argv = sys.argv[1:]
import_module("uvloop").install()
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
