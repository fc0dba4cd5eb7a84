"""Everything at rest: catalogue, shards, migrations."""
