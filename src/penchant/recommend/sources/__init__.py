"""Where candidates of a list come from: one small file a source, behind one protocol."""
