"""``python -m upcall.cli``: the command where no `upcall` script is installed."""

from upcall.cli import main

main(prog_name="upcall")
