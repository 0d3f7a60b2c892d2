CREATE INDEX contact_tags_by_tag ON contact_tags (tenant_id, tag);

-- Supports `profile @> '{"score": 1.1}'`.
CREATE INDEX contacts_by_profile ON contacts USING gin (profile jsonb_path_ops);
