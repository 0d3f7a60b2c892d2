DROP TABLE orders;
DROP FUNCTION orders_to_outbox();
