-- An enum loses no value, so that the column moves to another one. Each statement commits by itself; a way back that was
-- interrupted goes on behind the last one that did.
ALTER TYPE contact_state RENAME TO contact_state_old;
CREATE TYPE contact_state AS ENUM ('lead', 'customer');
ALTER TABLE contacts
    ALTER COLUMN state DROP DEFAULT,
    ALTER COLUMN state TYPE contact_state USING state::text::contact_state,
    ALTER COLUMN state SET DEFAULT 'lead';
DROP TYPE contact_state_old;
