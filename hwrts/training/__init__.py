"""The Recurrent Training Strategy, the training loop, and where and how it computes."""
