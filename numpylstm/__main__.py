"""`python -m numpylstm` is the command `numpylstm`."""

import sys

from .cli import main

sys.exit(main())
