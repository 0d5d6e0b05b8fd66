"""Other servers, reached over HTTP with bounds on everything they answer."""
