"""Finding revisions that already lie on the machine: Hugging Face caches, plain folders, an olah store."""
