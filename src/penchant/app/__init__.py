"""Where ports are bound to adapters, once."""
