-- runner:no-transaction
-- Does not block writers. PostgreSQL refuses it inside a transaction.
CREATE INDEX CONCURRENTLY contacts_by_name ON contacts (tenant_id, name_key);
