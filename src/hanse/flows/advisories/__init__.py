"""Advisories: issuing them, and what is known here of those in force."""
