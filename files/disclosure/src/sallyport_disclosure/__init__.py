"""Checks that help people to see what an output discloses; they assist and never approve."""
