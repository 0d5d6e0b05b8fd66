"""The gateway's session: its home on this machine, what the program in front of it is given, and how it pulls."""
