CREATE TABLE contact_tags (
    contact_id bigint NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    position integer NOT NULL,
    tenant_id integer NOT NULL,
    tag text,
    PRIMARY KEY (contact_id, position)
);
ALTER TABLE contact_tags ENABLE ROW LEVEL SECURITY;
ALTER TABLE contact_tags FORCE ROW LEVEL SECURITY;
CREATE POLICY contact_tags_of_tenant ON contact_tags
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::integer);

ALTER TABLE contacts
    ADD COLUMN street text,
    ADD COLUMN postcode text,
    ADD COLUMN city text,
    ADD COLUMN country text;
