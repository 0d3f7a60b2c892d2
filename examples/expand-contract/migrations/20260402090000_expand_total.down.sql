DROP TABLE order_issues;
ALTER TABLE orders DROP COLUMN currency;
ALTER TABLE orders DROP COLUMN total_cents;
