"""What each layer loses on fewer bits, and the widths that follow for a budget."""
