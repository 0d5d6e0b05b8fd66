"""Journeys of a federation: keeping what is trusted of it, changing it together, following what others changed."""
