ALTER TABLE customers ADD COLUMN phone TEXT;

UPDATE customers SET phone = coalesce(
    phone_e164,
    (SELECT substr(issue, 6) FROM customer_issues WHERE customer_id = customers.id AND issue LIKE 'was: %')
);
DELETE FROM customer_issues WHERE issue LIKE 'was: %';

CREATE TRIGGER customers_phone_changed AFTER UPDATE OF phone ON customers
BEGIN
    UPDATE customers SET phone_e164 = NULL WHERE id = new.id;
END;
