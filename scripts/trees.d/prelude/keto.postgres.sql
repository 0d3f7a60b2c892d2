-- From another directory of migrations, Ory's networkx.
CREATE TABLE networks (id uuid NOT NULL PRIMARY KEY, created_at timestamp NOT NULL, updated_at timestamp NOT NULL);
