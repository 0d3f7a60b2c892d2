CREATE INVERTED INDEX docs_body ON docs (body);
