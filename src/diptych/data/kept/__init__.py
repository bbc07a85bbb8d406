"""Pictures of shards, datasets and programs, kept as files: block after block, so that it goes on."""
