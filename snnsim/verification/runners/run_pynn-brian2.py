"""PyNN runs a folder of connection files on Brian2, by the script in the folder."""

import pyNN
from exchange import main
from pynn_folder import runner

if __name__ == "__main__":
    main(runner("brian2"), pyNN.__version__)
