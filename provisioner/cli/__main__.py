"""``python -m provisioner.cli``: the command line where it is not installed."""

import sys

from provisioner.cli.main import main

sys.exit(main())
