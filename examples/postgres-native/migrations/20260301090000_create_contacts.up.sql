-- The contacts of all tenants are in one table; row-level security shows each tenant only its own.
CREATE DOMAIN email_address AS text CHECK (VALUE ~ '^[^@\s]+@[^@\s]+$');
CREATE TYPE contact_state AS ENUM ('lead', 'customer');

CREATE TABLE contacts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id integer NOT NULL,
    name text NOT NULL,
    name_key text GENERATED ALWAYS AS (lower(name)) STORED,
    email email_address,
    state contact_state NOT NULL DEFAULT 'lead',
    tags text[] NOT NULL DEFAULT '{}',
    profile jsonb NOT NULL DEFAULT '{}',
    last_visit date
);

INSERT INTO contacts (tenant_id, name, email, state, tags, profile, last_visit)
SELECT
    1 + i % 3,
    'Contact ' || i,
    CASE WHEN i % 4 > 0 THEN 'contact' || i || '@example.com' END,
    CASE WHEN i % 5 = 0 THEN 'customer'::contact_state ELSE 'lead' END,
    CASE i % 7
        WHEN 0 THEN '{}'
        WHEN 1 THEN '{vip}'
        WHEN 2 THEN ARRAY['new york', 'vip']
        WHEN 3 THEN ARRAY['a, b', 'say "hello"', 'back\slash', '{braces}']
        WHEN 4 THEN ARRAY['NULL', NULL, '', ' ']
        WHEN 5 THEN ARRAY['Zürich', '東京', '🏔']
        ELSE ARRAY['no ' || i]
    END,
    CASE i % 6
        WHEN 0 THEN '{}'
        WHEN 1 THEN jsonb_build_object('address', jsonb_build_object('street', i || ' Main St', 'city', 'Springfield'))
        WHEN 2 THEN jsonb_build_object('address', jsonb_build_object(
            'street', 'Ringstraße ' || i, 'postcode', '1010', 'city', 'Wien', 'country', 'AT', 'floor', i % 9))
        WHEN 3 THEN jsonb_build_object('address', jsonb_build_object('postcode', 1010, 'city', 'Wien'), 'score', 1.10)
        WHEN 4 THEN jsonb_build_object('address', NULL, 'likes', jsonb_build_array('tea', jsonb_build_object('a', 1e2)))
        ELSE jsonb_build_object('address', jsonb_build_object('city', E'Line\nbreak "quoted"'), 'score', i / 8.0)
    END,
    CASE WHEN i % 11 > 0 THEN date '2024-01-01' + i % 700 END
FROM generate_series(1, 6000) AS i;

ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE contacts FORCE ROW LEVEL SECURITY;
CREATE POLICY contacts_of_tenant ON contacts
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::integer);
