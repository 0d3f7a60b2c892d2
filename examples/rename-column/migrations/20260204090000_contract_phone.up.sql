-- runner:depends-on 20260203090000
-- Contract: the old application is gone. Numbers that could not be converted remain readable in `customer_issues`.
INSERT INTO customer_issues (customer_id, issue)
SELECT id, 'was: ' || phone FROM customers WHERE phone IS NOT NULL AND phone_e164 IS NULL;

DROP TRIGGER customers_phone_changed;
ALTER TABLE customers DROP COLUMN phone;
