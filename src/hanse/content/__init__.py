"""Pure formats of content: Xet hashes, chunks, xorbs, shards, reconstructions, git objects."""
