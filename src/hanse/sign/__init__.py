"""Pure attestations: statements, envelopes, bundles and manifests."""
