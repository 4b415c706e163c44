"""google.rpc, for machines without googleapis-common-protos."""
