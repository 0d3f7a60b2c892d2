-- Expand: adds the new column next to the old one. Writes by the old application mark the row as not yet
-- converted, so both applications can run at the same time.
ALTER TABLE customers ADD COLUMN phone_e164 TEXT;

CREATE TRIGGER customers_phone_changed AFTER UPDATE OF phone ON customers
BEGIN
    UPDATE customers SET phone_e164 = NULL WHERE id = new.id;
END;

CREATE TABLE customer_issues (
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    issue TEXT NOT NULL,
    PRIMARY KEY (customer_id, issue)
);
