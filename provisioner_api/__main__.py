"""``python -m provisioner_api``"""

import sys

from provisioner_api.wsgi import main

sys.exit(main())
