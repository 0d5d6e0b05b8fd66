"""What other members say about revisions that are held here."""
