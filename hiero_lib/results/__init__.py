"""What a run measured: metrics, rows, the record, tables, published figures, the folder of a run."""
