-- Reads the old rows while others read and write them. ATTACH then relies on the constraint and reads nothing.
ALTER TABLE visits_2025 VALIDATE CONSTRAINT visits_of_2025;
CREATE INDEX visits_2025_by_contact ON visits_2025 (contact_id, visited_at);
ALTER TABLE visits ATTACH PARTITION visits_2025
    FOR VALUES FROM ('2025-01-01 00:00Z') TO ('2026-01-01 00:00Z');
ALTER TABLE visits_2025 DROP CONSTRAINT visits_of_2025;
