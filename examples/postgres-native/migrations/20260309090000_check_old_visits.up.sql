-- Applies to new rows from here on. Existing rows are not read yet, so the lock is held only briefly.
ALTER TABLE visits_2025 ADD CONSTRAINT visits_of_2025
    CHECK (visited_at >= '2025-01-01 00:00Z' AND visited_at < '2026-01-01 00:00Z') NOT VALID;
