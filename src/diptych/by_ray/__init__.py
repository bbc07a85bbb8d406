"""The same work on a cluster of Ray, from and to any place: rows of it, and actors that do them."""
