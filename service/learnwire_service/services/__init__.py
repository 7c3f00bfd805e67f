"""Services as users write them."""
