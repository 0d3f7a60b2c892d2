SELECT 'airlines' AS name, count(*) AS number FROM airlines
UNION ALL SELECT 'airports', count(*) FROM airports
UNION ALL SELECT 'flights', count(*) FROM flights
UNION ALL SELECT 'planes', count(*) FROM planes
ORDER BY name
