DROP INDEX contacts_paused;
UPDATE contacts SET state = 'lead' WHERE state = 'paused';
