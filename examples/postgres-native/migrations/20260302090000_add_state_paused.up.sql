-- runner:no-transaction
-- A value that was added to an enum cannot be used before its transaction has committed: it has a migration of its own.
ALTER TYPE contact_state ADD VALUE IF NOT EXISTS 'paused' BEFORE 'customer';
