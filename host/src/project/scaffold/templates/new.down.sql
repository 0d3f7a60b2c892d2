-- Takes back what the `.up.sql` does, in the opposite order.

DROP TABLE {{name}}_items;
