"""Pictures of rendered things: what there is, how it is drawn, and how likely each picture is."""
