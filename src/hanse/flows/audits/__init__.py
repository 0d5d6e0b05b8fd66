"""Members ask each other for random ranges of what they say they hold (docs/status.md)."""
