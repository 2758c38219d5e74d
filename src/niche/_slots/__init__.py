"""The door and the shelves: what comes in is checked once here, what is stored goes through here."""
