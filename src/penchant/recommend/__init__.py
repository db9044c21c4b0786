"""Which items to show: candidates, filters, ranking, reasons."""
