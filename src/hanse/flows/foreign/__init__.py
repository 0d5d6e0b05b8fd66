"""What the logs of other members say about revisions: looked up in this node's copies, and shown to readers with proofs."""
