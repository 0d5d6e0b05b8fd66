"""Python source, read with a grammar of our own: the same on every Python version, bounded, and never executed."""
