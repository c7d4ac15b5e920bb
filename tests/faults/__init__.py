"""Two whole sites on a network of their own, and everything that may go wrong with them."""
