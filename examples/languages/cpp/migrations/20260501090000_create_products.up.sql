CREATE TABLE products (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100), price DOUBLE PRECISION NOT NULL);
INSERT INTO products (id, name, price) VALUES (1, 'cup', 4.5), (2, 'Straße', 10.0), (3, NULL, 0.25), (4, '', 1e6);
