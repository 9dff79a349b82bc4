"""The explorer's module for browsers (plain JavaScript and CSS), and what it is given to draw."""
