"""The node's log over HTTP: checkpoint, tiles and entry bundles as C2SP tlog-tiles has them."""
