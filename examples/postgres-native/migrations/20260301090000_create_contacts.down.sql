DROP TABLE contacts;
DROP TYPE contact_state;
DROP DOMAIN email_address;
