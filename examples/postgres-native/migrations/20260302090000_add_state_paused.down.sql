-- An enum cannot lose a value, so the column gets another enum. Each statement commits by itself; an
-- interrupted downgrade continues after the last statement that did.
ALTER TYPE contact_state RENAME TO contact_state_old;
CREATE TYPE contact_state AS ENUM ('lead', 'customer');
ALTER TABLE contacts
    ALTER COLUMN state DROP DEFAULT,
    ALTER COLUMN state TYPE contact_state USING state::text::contact_state,
    ALTER COLUMN state SET DEFAULT 'lead';
DROP TYPE contact_state_old;
