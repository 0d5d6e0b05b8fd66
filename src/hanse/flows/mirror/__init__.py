"""Mirroring: what an upstream hub says of its repositories becomes revisions, observations and evidence here.

`hanse.flows.mirror.journey` tells the whole way as a list of steps.
"""
