"""`python -m snnsim` is `snnsim`; torchrun starts it this way."""

from snnsim.cli import main

main()
