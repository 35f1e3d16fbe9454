"""`python -m tomopy_edge` is the command `tomopy-edge`."""

import sys

from tomopy_edge.cli import main

if __name__ == "__main__":
    sys.exit(main())
