-- runner:depends-on 20260404090000
-- Contract: nobody reads or writes the old column any more, and what the new ones do not say is kept.
ALTER TABLE orders DROP COLUMN total;
