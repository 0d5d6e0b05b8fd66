"""The scanner: facts from bytes, verdicts from facts; pure, nothing in a file is ever executed, imported or unpickled."""
