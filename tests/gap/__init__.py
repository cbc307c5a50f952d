"""The proof that a change has no gap: numbered packets while a fleet goes through hundreds of changes."""
