ALTER TABLE notes ADD COLUMN written_at TEXT NOT NULL DEFAULT '';
UPDATE notes SET written_at = '2026-01-01T00:00:00Z';
CREATE TRIGGER notes_written_at AFTER INSERT ON notes WHEN new.written_at = '' BEGIN
    UPDATE notes SET written_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE id = new.id;
END;
