DROP INDEX contacts_by_profile;
DROP INDEX contact_tags_by_tag;
ALTER TABLE contacts ADD COLUMN tags text[] NOT NULL DEFAULT '{}';
