"""Journeys, one file each; no HTTP and no SQL in them."""
