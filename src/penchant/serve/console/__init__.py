"""Pages for the shop's owner: server-rendered, everything they need ships in this folder."""
