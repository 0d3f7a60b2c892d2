-- +goose Up
CREATE TABLE audit (name TEXT NOT NULL);
-- +goose StatementBegin
CREATE TRIGGER users_audit AFTER INSERT ON users
BEGIN
    INSERT INTO audit VALUES (new.name);
END;
-- +goose StatementEnd
INSERT INTO users (name) VALUES ('Ada');

-- +goose Down
DELETE FROM users;
DROP TRIGGER users_audit;
DROP TABLE audit;
