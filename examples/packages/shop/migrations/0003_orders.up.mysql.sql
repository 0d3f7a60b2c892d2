-- runner:depends-on acme/outbox:1
CREATE TABLE orders (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    item TEXT NOT NULL
);

-- The message is written in the transaction of the order.
CREATE TRIGGER orders_to_outbox AFTER INSERT ON orders FOR EACH ROW
    INSERT INTO outbox (topic, payload) VALUES ('orders', CONCAT(new.customer_id, ': ', new.item));
