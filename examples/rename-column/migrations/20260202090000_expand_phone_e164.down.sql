DROP TABLE customer_issues;
DROP TRIGGER customers_phone_changed;
ALTER TABLE customers DROP COLUMN phone_e164;
