CREATE INDEX docs_body ON docs (body);
