-- runner:no-transaction
-- A new enum value cannot be used before its transaction has committed, so it has a separate migration.
ALTER TYPE contact_state ADD VALUE IF NOT EXISTS 'paused' BEFORE 'customer';
