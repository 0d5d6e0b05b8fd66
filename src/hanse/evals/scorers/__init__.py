"""Rule scorers: what an answer is worth, 0 to 1, from the item and the answer alone, the same everywhere. Pure."""
