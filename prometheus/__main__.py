"""`python -m prometheus`: writes the page of all alerts."""

import sys

from prometheus.page import page

sys.stdout.write(page())
