-- Expand: new nullable columns affect no application, and no database rewrites the table for them.
ALTER TABLE orders ADD COLUMN total_cents BIGINT;
ALTER TABLE orders ADD COLUMN currency VARCHAR(3);
CREATE TABLE order_issues (
    order_id INTEGER NOT NULL PRIMARY KEY,
    total VARCHAR(40) NOT NULL,
    FOREIGN KEY (order_id) REFERENCES orders (id)
);
