"""What a network costs in silicon, before it is trained and after."""
