"""Where the hatch keeps things: its database, frozen files, the approved tree."""
