"""Analysis of micro-beads: localisation in images, trajectories of their motion, and the physics derived from these."""
