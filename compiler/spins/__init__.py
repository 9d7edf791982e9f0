"""Maxima over spins: semidefinite bounds, triangle cuts, branch and bound."""
