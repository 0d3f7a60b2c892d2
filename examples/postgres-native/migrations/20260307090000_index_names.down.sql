DROP INDEX CONCURRENTLY contacts_by_name;
