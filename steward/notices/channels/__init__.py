"""The channels, one module each: a pure encoder, and a sender that hands over what it made."""
