"""The report's charts, each a function from records to inline SVG."""
