"""``python -m provisioner_conductor``"""

import sys

from provisioner_conductor.service import main

sys.exit(main())
