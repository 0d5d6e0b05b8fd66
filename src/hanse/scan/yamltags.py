"""YAML's tags that unsafe loaders call, as text."""

from __future__ import annotations

import re

TAG_TEXT = re.compile(
    r"!!python/(?P<form>[a-z/]{1,20})(?P<name>:[\w.]{0,200})?|!(?P<short>new|name|apply|module):(?P<to>[\w.]{1,200})"
)
"""A tag that a loader calls: of PyYAML with its form and name, or of HyperPyYAML."""
