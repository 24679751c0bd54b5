-- Where its Moodle says that mails on security go, if not to the contact.
ALTER TABLE registrations ADD COLUMN alerts_email TEXT;
-- A site that has grown beyond the user limit pushes until then.
ALTER TABLE sites ADD COLUMN grace_until TIMESTAMPTZ;
CREATE INDEX sites_grace ON sites (grace_until) WHERE grace_until IS NOT NULL;
