"""Pure transparency-log formats: hashing, tiles, entry bundles and the Merkle map."""
