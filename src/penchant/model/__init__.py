"""The preference model: encoders, item vectors, losses, training, snapshots and the serving form."""
