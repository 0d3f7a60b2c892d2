SELECT id, departed_at, arrived_at FROM flights WHERE arrived_at <= departed_at
