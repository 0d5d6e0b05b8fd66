"""Pure policies: what must hold before bytes are trusted, and why it does or does not."""
