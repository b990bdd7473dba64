"""``python -m provisioner_standalone``"""

import sys

from provisioner_standalone.main import main

sys.exit(main())
