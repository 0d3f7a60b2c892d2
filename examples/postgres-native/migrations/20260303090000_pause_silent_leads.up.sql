UPDATE contacts SET state = 'paused' WHERE state = 'lead' AND last_visit < '2025-01-01';

-- A small index: it contains only the rows that are queried.
CREATE INDEX contacts_paused ON contacts (tenant_id, last_visit) WHERE state = 'paused';
