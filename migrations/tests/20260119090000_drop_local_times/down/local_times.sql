SELECT id, dep_time, arr_time FROM flights WHERE id <= 3 ORDER BY id
