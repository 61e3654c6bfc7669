"""PyNN runs a folder of connection files on NEST, by the script in the folder."""

import pyNN
from exchange import main
from pynn_folder import runner

if __name__ == "__main__":
    main(runner("nest"), pyNN.__version__)
