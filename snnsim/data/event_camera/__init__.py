"""An event camera in software, and the photographs in front of it."""
