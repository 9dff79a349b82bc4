"""Where the data lie and how they are made, read and checked; one module per source."""
