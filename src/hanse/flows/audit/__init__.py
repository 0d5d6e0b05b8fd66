"""Auditing: what lies in a folder or cache on this machine, told apart by what is known of it, and moved away if asked."""
