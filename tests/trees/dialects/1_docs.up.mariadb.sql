CREATE TABLE docs (id INT PRIMARY KEY, body JSON NOT NULL CHECK (json_valid(body))) ENGINE = InnoDB;
