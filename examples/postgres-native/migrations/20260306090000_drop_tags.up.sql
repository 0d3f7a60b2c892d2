-- runner:depends-on 20260305090000
ALTER TABLE contacts DROP COLUMN tags;
CREATE INDEX contact_tags_by_tag ON contact_tags (tenant_id, tag);
CREATE INDEX contacts_by_profile ON contacts USING gin (profile jsonb_path_ops);
