DROP INDEX contacts_by_profile;
DROP INDEX contact_tags_by_tag;
