CREATE INDEX docs_body ON docs USING gin (body);
