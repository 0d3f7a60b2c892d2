DROP TRIGGER notes_written_at;
ALTER TABLE notes DROP COLUMN written_at;
