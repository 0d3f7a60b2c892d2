SELECT id, phone FROM customers
WHERE phone IS NOT NULL AND phone_e164 IS NULL AND id NOT IN (SELECT customer_id FROM customer_issues)
