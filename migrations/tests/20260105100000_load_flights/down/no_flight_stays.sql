SELECT id FROM flights
