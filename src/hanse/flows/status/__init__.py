"""How the node and its federations stand: who holds what, what is missing, and what it takes to derail them (docs/status.md)."""
