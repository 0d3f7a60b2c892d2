-- runner:no-transaction
-- Writers go on meanwhile. PostgreSQL refuses this inside a transaction.
CREATE INDEX CONCURRENTLY contacts_by_name ON contacts (tenant_id, name_key);
