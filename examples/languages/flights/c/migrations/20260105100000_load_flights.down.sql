DELETE FROM flights;
DELETE FROM airports;
DELETE FROM airlines;
