UPDATE contacts SET state = 'paused' WHERE state = 'lead' AND last_visit < '2025-01-01';

-- Small, since it holds nothing but the rows that are asked for.
CREATE INDEX contacts_paused ON contacts (tenant_id, last_visit) WHERE state = 'paused';
