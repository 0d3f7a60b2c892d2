//! Days and microseconds to text and back, in the forms of ISO 8601 that databases without date types store.
