-- Visits are partitioned by year. Those of 2025 were stored in a separate table before there were partitions.
CREATE TABLE visits_2025 (
    contact_id bigint NOT NULL,
    visited_at timestamptz NOT NULL,
    page text NOT NULL
);
INSERT INTO visits_2025
SELECT 1 + i % 6000, timestamptz '2025-01-01 00:00Z' + i * interval '25 minutes', '/page/' || i % 50
FROM generate_series(0, 20000) AS i;

CREATE TABLE visits (
    contact_id bigint NOT NULL,
    visited_at timestamptz NOT NULL,
    page text NOT NULL
) PARTITION BY RANGE (visited_at);
CREATE INDEX visits_by_contact ON visits (contact_id, visited_at);
CREATE TABLE visits_2026 PARTITION OF visits
    FOR VALUES FROM ('2026-01-01 00:00Z') TO ('2027-01-01 00:00Z');
