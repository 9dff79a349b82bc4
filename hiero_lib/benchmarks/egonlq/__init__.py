"""EgoNLQ: a head trained on frozen features finds the moment that answers a query."""
