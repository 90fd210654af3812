"""Pages and deeds that need several rooms: start page, customers, audit log, imports, health. No tables, no rules."""
