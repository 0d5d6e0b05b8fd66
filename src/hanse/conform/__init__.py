"""How a server, proxy or client stands up to a hostile origin: the origin, the suite and its report (docs/conform.md)."""
