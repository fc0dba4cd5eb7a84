"""Everything at rest: catalogue, shards, atomic writes, migrations."""
