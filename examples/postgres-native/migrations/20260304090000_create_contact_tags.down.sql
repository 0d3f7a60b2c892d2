ALTER TABLE contacts
    DROP COLUMN country,
    DROP COLUMN city,
    DROP COLUMN postcode,
    DROP COLUMN street;
DROP TABLE contact_tags;
