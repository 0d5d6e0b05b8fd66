"""Replication: which settled revisions of other members this node holds, and how it comes by them."""
