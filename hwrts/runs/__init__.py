"""Runs: their folder, their stages from photographs to verified integers, and what is used of them."""
