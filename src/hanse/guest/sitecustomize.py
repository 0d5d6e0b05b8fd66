"""What Python loads at its start, since PYTHONPATH leads here. Nothing is done in a Python that is too old for Hub clients.

Python of any age loads it and must say nothing: only what every one since 2.7 understands may be written here.
"""

import sys

if sys.version_info >= (3, 7):  # noqa: UP036 not the Python of this package, but that of any program
    __import__("hanse_start")
