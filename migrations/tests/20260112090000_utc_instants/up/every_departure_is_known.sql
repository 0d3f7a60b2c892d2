-- Or an issue says why it is not.
SELECT id FROM flights WHERE dep_time IS NOT NULL AND dep_delay IS NOT NULL AND departed_at IS NULL
    AND id NOT IN (SELECT flight_id FROM flight_issues)
