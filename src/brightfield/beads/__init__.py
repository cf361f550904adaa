"""Micro-beads, a library of its own: where they are (localisation), how they move (trajectories), and what that says (physics)."""
