"""Frozen values that cross module borders; parsed at the edge, trusted inside."""
