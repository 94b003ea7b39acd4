"""Monthly reports: one model, written as workbook, printable page and tables."""
