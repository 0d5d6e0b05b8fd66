"""Work that is kept away from the node: worker processes with limits on memory, time and files, and without a network."""
