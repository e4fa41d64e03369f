"""Any picture as the array that the network takes."""
