SELECT id, phone_e164 FROM customers WHERE id > 20000 ORDER BY id
